"""Sessions that share the work find what one session finds."""

from shipworthy.probes.postgres.access.proving import measure_worlds
from shipworthy.probes.postgres.scratch import connect_scratch
from tests.access.proof.small_worlds import NOTES, read_worlds


def test_two_sessions_on_clones_find_what_one_finds(scratch, organizations):
    dsn = scratch.clone(organizations)
    with connect_scratch(dsn) as connection:
        connection.execute(NOTES)
        schema, worlds = read_worlds(connection)
    alone = measure_worlds(scratch, dsn, schema, worlds, many=1000)
    assert len(alone.relations) > 2
    assert measure_worlds(scratch, dsn, schema, worlds, many=0) == alone
    scratch.drop(dsn)
