"""One way through the pending migrations on one filled copy, under traffic."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.rows import RowMaker, Unmakeable
from shipworthy.probes.postgres.access.schema import Schema, read_schema
from shipworthy.probes.postgres.migrate import MigrationError
from shipworthy.probes.postgres.project import Migration, Source
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.probes.postgres.statements import Statement, split_statements
from shipworthy.probes.postgres.upgrade.canary import Seen, sing
from shipworthy.probes.postgres.upgrade.filling import Filled, fill
from shipworthy.probes.postgres.upgrade.locks import watch_tables
from shipworthy.probes.postgres.upgrade.model import (
    BLOCKS_READS,
    BLOCKS_WRITES,
    Place,
    Refusal,
    Stall,
    Step,
    Survival,
)
from shipworthy.probes.postgres.upgrade.questions import refusal_of
from shipworthy.probes.postgres.upgrade.running import Run
from shipworthy.probes.postgres.upgrade.survival import compare_rows, read_rows

Connection = psycopg.Connection[Any]

SEED_S = 20.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What the statements did, and what the traffic saw of it."""

    filled: Filled
    steps: tuple[Step, ...]
    ends_ms: Mapping[int, float]
    stalls: tuple[Stall, ...]
    queries: int
    refusal: Refusal | None
    """The statement that the server refused; what would come after it did not run."""
    survival: Survival


@dataclass(frozen=True, slots=True)
class Copies:
    """Filled copies of one template."""

    scratch: ScratchServer
    template: str
    seeds: Sequence[Source]
    """Rows that the project itself makes: the first ones of their tables, where they still fit."""
    wanted: Mapping[str, int]
    """Table to rows."""

    @contextmanager
    def filled(self, *, tidy: bool) -> Iterator[tuple[str, Filled]]:
        """Make a copy and fill it; it is gone afterwards."""
        dsn = self.scratch.clone(self.template)
        try:
            with connect_scratch(dsn) as connection:
                _without_triggers(connection)
                if not tidy:
                    _sow(connection, self.seeds)
                schema = read_schema(connection, ())
                maker = _FirstRows(connection, schema, RowMaker(connection, schema))
                filled = fill(connection, schema, self.wanted, maker, tidy=tidy)
            yield dsn, filled
        finally:
            self.scratch.drop(dsn)

    def measure(self, migrations: Sequence[Migration], *, tidy: bool) -> Measured:
        """Run migrations on a filled copy while the canary sings."""
        refusal = None
        with self.filled(tidy=tidy) as (dsn, filled), connect_scratch(dsn) as connection:
            before, watched = read_rows(connection), watch_tables(connection)
            tables = _spoken_of_first(watched.tables, migrations)
            with sing(dsn, tables, connection.info.backend_pid) as canary:
                run = Run(connection, watched)
                try:
                    run.migrate(migrations)
                except MigrationError as error:
                    refusal = refusal_of(place_of(migrations, error), error)
            return Measured(
                filled=filled,
                steps=tuple(run.steps),
                ends_ms=run.ends_ms,
                stalls=tuple(_stall(seen, run) for seen in canary.seen),
                queries=canary.queries,
                refusal=refusal,
                survival=compare_rows(before, read_rows(connection), run.steps),
            )


def place_of(migrations: Sequence[Migration], error: MigrationError) -> Place:
    """Say where the server refused a statement."""
    version = next((m.version for m in migrations if m.path.name == error.file), "")
    return Place(version, error.file, error.line, error.statement)


@dataclass(frozen=True, slots=True)
class _FirstRows:
    """Makes the first row of a table that has none, leaving the schema as it is."""

    connection: Connection
    schema: Schema
    maker: RowMaker

    def __call__(self, table: str) -> str:
        """Make it; gives the reason where it cannot be made."""
        reason = "what its rules ask for could not be made without lifting one of them"
        lifted = len(self.maker.lifted)
        try:
            with self.connection.transaction():
                made = self.maker.insert(table, self._parents(table), "shipworthy")
                if isinstance(made, Unmakeable):
                    return made.reason
                if len(self.maker.lifted) > lifted:
                    raise psycopg.Rollback
                return ""
        except psycopg.Error as error:
            return f"{error.diag.message_primary or error} (SQLSTATE {error.sqlstate})"
        return reason

    def _parents(self, table: str) -> dict[str, str | None]:
        """Give the references of the row: to the first row of each table that it points to."""
        fixed: dict[str, str | None] = {}
        for reference in sorted(self.schema.tables[table].references, key=lambda r: -len(r.columns)):
            if fixed.keys() & set(reference.columns) or reference.target == table:
                continue
            names = ", ".join(f"{name}::text" for name in reference.target_columns)
            row = self.connection.execute(
                f"select {names} from {reference.target} limit 1".encode()  # noqa: S608
            ).fetchone()
            fixed |= dict(zip(reference.columns, row or (None,) * len(reference.columns), strict=True))
        return {column: value for column, value in fixed.items() if value is not None}


def _spoken_of_first(tables: Sequence[str], migrations: Sequence[Migration]) -> list[str]:
    """Sort tables so that those come first which the migrations name: only they can be locked for long."""
    text = "\n".join(migration.sql for migration in migrations)
    return sorted(tables, key=lambda table: table.split(".", 1)[1].strip('"') not in text)


def _stall(seen: Seen, run: Run) -> Stall:
    """Find the step that took the lock which the canary waited for: the first that keeps it out."""
    began, ended = run.at(seen.began), run.at(seen.ended)
    enough = BLOCKS_READS if seen.operation == "read" else BLOCKS_WRITES
    behind = next(
        (
            number
            for number, step in enumerate(run.steps)
            if step.began_ms <= ended and run.ends_ms.get(step.transaction, step.ended_ms) >= began
            if any(lock.table == seen.table and lock.strength >= enough for lock in step.locks)
        ),
        None,
    )
    return Stall(seen.table, seen.operation, began, ended - began, behind)


def _without_triggers(connection: Connection) -> None:
    """Let no trigger of the project take part in the filling, where the server lets us say so."""
    try:
        connection.execute("set session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        return


def _sow(connection: Connection, seeds: Sequence[Source]) -> None:
    """Load what still fits of the seeds: they are written for the newest version, the copy is older."""
    connection.execute("set statement_timeout = '5s'")
    began = time.monotonic()
    for statement in (statement for seed in seeds for statement in split_statements(seed.sql)):
        if time.monotonic() - began < SEED_S:
            _try(connection, statement)


def _try(connection: Connection, statement: Statement) -> None:
    try:
        connection.execute(statement.sql.encode())
    except psycopg.Error:
        if connection.info.transaction_status:
            connection.execute("rollback")
