"""What a migration leaves behind that fails half-way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import read_catalogue
from shipworthy.probes.postgres.migrate import read_history
from shipworthy.probes.postgres.project import Migration
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.probes.postgres.statements import split_statements
from shipworthy.probes.postgres.upgrade.model import HalfWay
from shipworthy.probes.postgres.upgrade.running import Batch, Runner, batches, is_atomic

Connection = psycopg.Connection[Any]
Facts = Mapping[tuple[str, str], str]

MOST = 10
"""Pending migrations that are made to fail; the catalogue is read twice for each."""
INJECTED = "shipworthy: failure at the end"
_FAIL = f"do $$ begin raise exception '{INJECTED}'; end $$"
_END = "select pg_catalog.pg_terminate_backend(%s, 5000)"


def fail_halfway(
    scratch: ScratchServer, template: str, migrations: Sequence[Migration]
) -> tuple[HalfWay, ...]:
    """Let each migration fail at its end, see what is left, and apply it; kill one half-way, too.

    Args:
        scratch: where the copies are made; they are gone afterwards.
        template: what is deployed.
        migrations: that come next, in order.

    Raises:
        MigrationError: a migration does not apply at all.
        ProbeError: the server is gone.

    """
    found: list[HalfWay] = []
    with _copy(scratch, template) as (dsn, connection):
        before = read_facts(connection)
        for number, migration in enumerate(migrations):
            if number < MOST and is_atomic(migration):
                if not any(failure.how == KILLED for failure in found) and _can_be_killed(migration):
                    found.append(_kill(dsn, connection, migration, before))
                found.append(_fail(connection, migration, before))
            elif number < MOST:
                found.append(_fail_apart(scratch, template, migrations[: number + 1]))
            Runner(connection).run(migration)
            before = read_facts(connection) if number + 1 < min(MOST, len(migrations)) else before
    return tuple(found)


@contextmanager
def _copy(scratch: ScratchServer, template: str) -> Iterator[tuple[str, Connection]]:
    dsn = scratch.clone(template)
    try:
        with connect_scratch(dsn) as connection:
            yield dsn, connection
    finally:
        scratch.drop(dsn)


FAILED = "failed at its end"
KILLED = "its connection was killed"


def read_facts(connection: Connection) -> Facts:
    """Read the catalogue as it is now."""
    with connection.transaction():
        connection.execute("set local search_path = ''")
        return dict(read_catalogue(connection).items())


def differing(before: Facts, after: Facts) -> tuple[str, ...]:
    """Name the facts that two catalogues do not share."""
    return tuple(
        " ".join(fact) for fact in sorted(before.keys() | after.keys()) if before.get(fact) != after.get(fact)
    )


def _fail_apart(scratch: ScratchServer, template: str, migrations: Sequence[Migration]) -> HalfWay:
    """Let the last of some migrations fail on a copy of its own: what is left there cannot be built upon."""
    with _copy(scratch, template) as (_, connection):
        for migration in migrations[:-1]:
            Runner(connection).run(migration)
        return _fail(connection, migrations[-1], read_facts(connection))


def _fail(connection: Connection, migration: Migration, before: Facts) -> HalfWay:
    runner = Runner(connection)
    runner.limit()
    try:
        for batch in _until_its_end(migration):
            with batch.open(connection):
                for statement in batch.statements:
                    runner.execute(migration.path, statement)
                if batch.last:
                    connection.execute(_FAIL)
    except psycopg.errors.RaiseException as error:
        if INJECTED not in str(error):
            raise
    connection.rollback()  # of what a file began by itself
    return _left(connection, migration, before, FAILED)


def _until_its_end(migration: Migration) -> list[Batch]:
    """Give a file without the ``commit`` that it ends with: its last statement is what comes before."""
    *cut, last = batches(migration)
    while cut and cut[-1].bare and all(statement.control for statement in cut[-1].statements):
        cut.pop()
    # Inside what the file began the failure must happen, and not in a transaction of its own.
    return [*cut, last if last.statements else replace(last, bare=True)]


def _left(connection: Connection, migration: Migration, before: Facts, how: str) -> HalfWay:
    after = read_facts(connection)
    return HalfWay(
        version=migration.version,
        file=migration.path.name,
        how=how,
        atomic=is_atomic(migration),
        statements=len(split_statements(migration.sql)),
        facts=len(before),
        remains=differing(before, after),
        recorded=migration.version in {version for version, _, _ in read_history(connection)},
    )


def _can_be_killed(migration: Migration) -> bool:
    return is_atomic(migration) and len(split_statements(migration.sql)) > 1


def _kill(dsn: str, connection: Connection, migration: Migration, before: Facts) -> HalfWay:
    """End the migrating session in the middle of a file, as a deploy job that is cancelled does."""
    statements = split_statements(migration.sql)
    victim = psycopg.connect(dsn, connect_timeout=10)
    try:
        runner = Runner(victim)
        runner.limit()
        for statement in statements[: (len(statements) + 1) // 2]:
            runner.execute(migration.path, statement)
        connection.execute(_END, [victim.info.backend_pid])
    finally:
        victim.close()
    return _left(connection, migration, before, KILLED)
