"""Pending migrations run one statement at a time, each statement's doings noted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.migrate import CONNECTION_LOST, RECORD, WITHOUT_TRANSACTION, MigrationError
from shipworthy.probes.postgres.project import Migration
from shipworthy.probes.postgres.statements import Statement, split_statements
from shipworthy.probes.postgres.substitutes import Substitutes
from shipworthy.probes.postgres.upgrade.locks import Change, Watched
from shipworthy.probes.postgres.upgrade.model import Lock, Place, Step

Connection = psycopg.Connection[Any]

LIMITS = "set statement_timeout = '60s'; set lock_timeout = '20s'; set max_parallel_maintenance_workers = 0"
"""A migration that takes longer on the bounded rows of the copy does not belong into a deployment."""


class Runner:
    """Runs the statements of a project on one copy, or what stands in for them there."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._substitutes = Substitutes(connection)

    def execute(self, path: Path, statement: Statement) -> None:
        """Run one statement.

        Raises:
            MigrationError: the server refused it.
            ProbeError: the server went away.

        """
        for sql in self._substitutes.of(statement):
            try:
                self.connection.execute(sql.encode(), prepare=False)
            except psycopg.Error as error:
                # What takes too long on a bounded copy is the statement's own fault, not the server's.
                if (error.sqlstate or "08").startswith(CONNECTION_LOST) and error.sqlstate != "57014":
                    raise ProbeError(f"the server went away during {path.name}: {error}") from error
                raise MigrationError(path, statement, error) from error

    def limit(self) -> None:
        """Bound what a statement may wait for and how long it may take."""
        self.connection.execute(LIMITS.encode())

    def record(self, migration: Migration) -> None:
        """Write a migration into the history, as the Supabase CLI does."""
        self.connection.execute("reset all")
        sql = [statement.sql for statement in split_statements(migration.sql)]
        self.connection.execute(RECORD, (migration.version, migration.name, sql))

    def run(self, migration: Migration) -> None:
        """Run and record one migration.

        Raises:
            MigrationError: the server refused a statement.

        """
        self.limit()
        for batch in batches(migration):
            with batch.open(self.connection):
                for statement in batch.statements:
                    self.execute(migration.path, statement)
                if batch.last:
                    self.record(migration)


@dataclass(frozen=True, slots=True)
class Batch:
    """Statements of a file that the Supabase CLI sends in one transaction."""

    statements: tuple[Statement, ...]
    bare: bool
    """It has no transaction around it: the server refuses one, or the file brings its own."""
    last: bool
    """The history is written with it."""

    @contextmanager
    def open(self, connection: Connection) -> Iterator[None]:
        """Open its transaction, where it has one."""
        with nullcontext() if self.bare else connection.transaction():
            yield


def batches(migration: Migration) -> list[Batch]:
    """Cut a file where the Supabase CLI begins another transaction; nearly always it is one batch."""
    statements = split_statements(migration.sql)
    if WITHOUT_TRANSACTION.match(migration.sql) or any(s.control for s in statements):
        cut = [Batch((s,), bare=True, last=False) for s in statements]
        return [*cut, Batch((), bare=False, last=True)]
    groups: list[Batch] = []
    start = 0
    for at, statement in enumerate(statements):
        if statement.alone:
            groups.append(Batch(tuple(statements[start:at]), bare=False, last=False))
            groups.append(Batch((statement,), bare=True, last=False))
            start = at + 1
    groups.append(Batch(tuple(statements[start:]), bare=False, last=True))
    return [batch for batch in groups if batch.statements or batch.last]


def is_atomic(migration: Migration) -> bool:
    """Tell whether a failure anywhere in a file undoes all of it."""
    return len(batches(migration)) == 1


@dataclass
class Run:
    """The statements that ran, and what each did to the tables that were there before."""

    connection: Connection
    watched: Watched
    steps: list[Step] = field(default_factory=list)
    ends_ms: dict[int, float] = field(default_factory=dict)
    """Transaction to when it ended."""
    _began: float = field(default_factory=time.monotonic)

    def migrate(self, migrations: Sequence[Migration]) -> None:
        """Run migrations and record them.

        Raises:
            MigrationError: the server refused a statement; the steps before it are kept.

        """
        runner = Runner(self.connection)
        for migration in migrations:
            runner.limit()
            for batch in batches(migration):
                try:
                    with batch.open(self.connection):
                        for statement in batch.statements:
                            self._step(runner, migration, statement)
                        if batch.last:
                            runner.record(migration)
                finally:
                    self._settle()

    def at(self, moment: float) -> float:
        """Turn a moment of ``time.monotonic`` into milliseconds since the run began."""
        return (moment - self._began) * 1000

    def _now(self) -> float:
        return self.at(time.monotonic())

    def _idle(self) -> bool:
        return self.connection.info.transaction_status == TransactionStatus.IDLE

    def _step(self, runner: Runner, migration: Migration, statement: Statement) -> None:
        before, began = self.watched.state(self.connection), self._now()
        runner.execute(migration.path, statement)
        ended, after = self._now(), self.watched.state(self.connection)
        change = self.watched.change(before, after)
        place = Place(migration.version, migration.path.name, statement.line, statement.text)
        self.steps.append(_step(place, len(self.ends_ms), began, ended, change))

    def _settle(self) -> None:
        """Say of the locks of a transaction that is over until when they were held."""
        number = len(self.ends_ms)
        if not self._idle() or not (self.steps and self.steps[-1].transaction == number):
            return
        end = self.ends_ms[number] = self._now()
        self.steps = [
            replace(step, locks=tuple(replace(lock, until_ms=end) for lock in step.locks))
            if step.transaction == number
            else step
            for step in self.steps
        ]


def _step(place: Place, transaction: int, began: float, ended: float, change: Change) -> Step:
    return Step(
        place=place,
        transaction=transaction,
        began_ms=began,
        ended_ms=ended,
        locks=tuple(Lock(table, mode, began, ended) for table, mode in sorted(change.locks)),
        rewritten=change.rewritten,
        reindexed=change.reindexed,
        scanned=change.scanned,
        written=change.written,
    )
