"""The matrix of a scratch database: on one session, or on more where there is much to try."""

from __future__ import annotations

from contextlib import ExitStack

from shipworthy.probes.postgres.access.matrix import measure_access
from shipworthy.probes.postgres.access.model import AccessMatrix, Worlds
from shipworthy.probes.postgres.access.schema import Schema
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch

MANY = 80
"""So many relations take longer to try on one session than a clone takes to make (about 0.3 s)."""
SESSIONS = 2
"""One client keeps about two sessions of the server busy."""


def measure_worlds(
    scratch: ScratchServer, dsn: str, schema: Schema, worlds: Worlds, *, many: int = MANY
) -> AccessMatrix:
    """Try every command on every exposed relation as every persona.

    A clone has the same rows in the same places, and nobody waits there for what is tried here.

    Args:
        scratch: the server.
        dsn: the database on it that holds the worlds; nobody is connected to it.
        schema: what there is.
        worlds: whose rows they are.
        many: with so many tables, more than one session tries.

    Raises:
        ProbeError: the server went away.

    """
    more = SESSIONS - 1 if len(schema.project) >= many else 0
    clones = [scratch.clone(dsn.rpartition("/")[2]) for _ in range(more)]
    with ExitStack() as stack:
        connection, *beside = (stack.enter_context(connect_scratch(each)) for each in (dsn, *clones))
        matrix = measure_access(connection, schema, worlds, beside=beside)
    for clone in clones:
        scratch.drop(clone)
    return matrix
