"""Applying a project to a database as the Supabase CLI does, and recording it like the CLI.

The statements of a file travel in one go (the protocol's pipeline), which makes one transaction of
them. One that the server refuses in a transaction is sent by itself, between what stands before and
behind it. A file with ``begin`` or ``commit`` in it is left to itself, as is one whose first line is
``-- pg-delta: transaction=false``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.bootstrap import Connection
from shipworthy.probes.postgres.missing import missing_here
from shipworthy.probes.postgres.project import Migration, Project
from shipworthy.probes.postgres.statements import Statement, split_statements
from shipworthy.probes.postgres.substitutes import Substitutes

CONNECTION_LOST = ("08", "57P")
"""SQLSTATE classes that say nothing about the statement."""
WITHOUT_TRANSACTION = re.compile(r"-- pg-delta: transaction=false\r?(?:\n|$)")
FROM_STDIN = re.compile(r"copy\s[^;]*\sfrom\s+stdin\b", re.IGNORECASE)
FRESH = b"reset all; set statement_timeout = '120s'; set lock_timeout = '60s'"
"""What each file starts with: no statement may hang the gate, and the platform's own limit is two minutes."""
ROLE_RACE = re.compile(r"role \".*\" already exists|pg_authid_rolname_index|tuple concurrently updated")
SETTLE = "set constraints all immediate"
"""What is deferred shall fail as a statement: at the end of a pipeline nothing says where it was."""
NO_STATEMENT = Statement("", 1, 0)
RECORD = (
    "insert into supabase_migrations.schema_migrations (version, name, statements)"
    " values (%s, %s, %s::text[])"
)
HISTORY = (
    "create schema if not exists supabase_migrations",
    "create table if not exists supabase_migrations.schema_migrations (version text not null primary key)",
    "alter table supabase_migrations.schema_migrations add column if not exists statements text[]",
    "alter table supabase_migrations.schema_migrations add column if not exists name text",
)


class MigrationError(Exception):
    """A file could not be applied: the server refused a statement of it, or no server would take it."""

    def __init__(self, path: Path, statement: Statement, error: psycopg.Error) -> None:
        said = error.diag
        self.path, self.file = path, path.name
        self.line = (
            statement.line_at(int(said.statement_position)) if said.statement_position else statement.line
        )
        self.statement = statement.text
        self.sqlstate = error.sqlstate or "?"
        self.message = said.message_primary or str(error)
        self.detail = said.message_detail or ""
        self.hint = _own_hint(statement) or said.message_hint or ""
        super().__init__(f"{self.file}:{self.line}: {self.message} (SQLSTATE {self.sqlstate})")


@dataclass(frozen=True, slots=True)
class _Step:
    """What is sent to the server, and the statement of the file that it is sent for."""

    statement: Statement
    sql: str
    values: Sequence[Any] | None = None


def apply_migrations(connection: Connection, project: Project) -> tuple[str, ...]:
    """Apply what the database's history lacks, in order, and record it like the Supabase CLI.

    Args:
        connection: in autocommit mode; as the role that owns the schema.
        project: whose roles and migrations are applied.

    Returns:
        The versions that were applied.

    Raises:
        MigrationError: the server refused a statement; earlier files stay applied.
        ProbeError: the server went away, or lacks what the platform provides.

    """
    within = connection.info.transaction_status
    apply_roles(connection, project)
    for statement in HISTORY:
        connection.execute(statement.encode())
    present = {version for version, _, _ in read_history(connection)}
    missing = [migration for migration in project.migrations if migration.version not in present]
    substitutes = Substitutes(connection)
    for migration in missing:
        statements = split_statements(migration.sql)
        record, made = _recorded(migration, statements), substitutes.made
        connection.execute(FRESH)
        for steps in _batches(migration, statements, record, substitutes):
            _send_in_turn(connection, migration.path, steps, substitutes, made)
        if connection.info.transaction_status != within:
            connection.execute("rollback")
            said = "the file begins a transaction and does not end it"
            raise MigrationError(migration.path, record.statement, psycopg.errors.ActiveSqlTransaction(said))
    connection.execute("reset all")
    return tuple(migration.version for migration in missing)


def apply_roles(connection: Connection, project: Project) -> None:
    """Make the roles of ``roles.sql``; those of the whole server that are there already stay as they are.

    Raises:
        MigrationError: the server refused a statement.

    """
    if project.roles:
        substitutes = Substitutes(connection)
        steps = list(_steps(split_statements(project.roles.sql), substitutes))
        _send_in_turn(connection, project.roles.path, steps, substitutes, frozenset())


def apply_seed(connection: Connection, project: Project) -> None:
    """Load the project's seeds, each file in one transaction.

    Raises:
        MigrationError: the server refused a statement.
        ProbeError: the server went away, or lacks what the platform provides.

    """
    substitutes = Substitutes(connection)
    for seed in project.seeds:
        connection.execute(FRESH)
        statements = split_statements(seed.sql)
        ends = statements[-1] if statements else NO_STATEMENT
        steps = _steps(statements, substitutes)
        _send(connection, seed.path, [_Step(ends, "begin"), *steps, _Step(ends, "commit")])
    connection.execute("reset all")


def read_history(connection: Connection) -> list[tuple[str, str, list[str]]]:
    """Give the applied migrations in order: version, name, statements; none where nothing recorded any."""
    table = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
    if not table or not table[0]:
        return []
    rows = connection.execute(
        "select version, coalesce(name, ''), coalesce(statements, '{}')"
        " from supabase_migrations.schema_migrations order by version"
    ).fetchall()
    return [(version, name, statements) for version, name, statements in rows]


def _recorded(migration: Migration, statements: list[Statement]) -> _Step:
    ends = statements[-1] if statements else NO_STATEMENT
    return _Step(ends, RECORD, (migration.version, migration.name, [s.sql for s in statements]))


def _batches(
    migration: Migration, statements: list[Statement], record: _Step, substitutes: Substitutes
) -> Iterator[list[_Step]]:
    """Give what is sent together; each is one transaction."""
    if WITHOUT_TRANSACTION.match(migration.sql) or any(statement.control for statement in statements):
        yield from ([step] for step in _steps(statements, substitutes))
        yield [record]
        return
    batch: list[_Step] = []
    for statement in statements:
        if statement.alone:
            if batch:
                yield [*batch, _Step(batch[-1].statement, SETTLE)]
            yield list(_steps([statement], substitutes))
            batch = []
        else:
            batch += _steps([statement], substitutes)
    yield [*batch, record, _Step(record.statement, SETTLE)] if batch else [record]


def _steps(statements: Iterable[Statement], substitutes: Substitutes) -> Iterator[_Step]:
    for statement in statements:
        for sql in substitutes.of(statement):
            yield _Step(statement, sql)


def _send_in_turn(
    connection: Connection, path: Path, steps: list[_Step], substitutes: Substitutes, made: frozenset[str]
) -> None:
    """Send statements, once more where another rehearsal on this server touched the same roles meanwhile."""
    try:
        _send(connection, path, steps)
    except MigrationError as error:
        if not ROLE_RACE.search(f"{error.message} {error.detail}"):
            raise
        substitutes.look_again(made)
        own = (step.statement for step in steps if step.values is None and step.sql != SETTLE)
        statements = {id(statement): statement for statement in own}
        last = [step for step in steps if step.values is not None or step.sql == SETTLE]
        _send(connection, path, [*_steps(statements.values(), substitutes), *last])


def _send(connection: Connection, path: Path, steps: Iterable[_Step]) -> None:
    """Send statements without waiting for each; they are one transaction."""
    steps = list(steps)
    for step in steps:
        _refuse_rows(path, step.statement)
    sent: list[tuple[_Step, psycopg.Cursor[TupleRow]]] = []
    failure: psycopg.Error | None = None
    try:
        with connection.pipeline() if len(steps) > 1 else nullcontext():
            try:
                for step in steps:
                    cursor = connection.execute(step.sql.encode(), step.values, prepare=False)
                    sent.append((step, cursor))
            except psycopg.Error as error:  # leaving the block settles the pipeline; then this counts
                failure = error
    except psycopg.Error as error:
        failure = failure or error
    if failure:
        unanswered = [step.statement for step, cursor in sent if cursor.pgresult is None]
        if connection.info.transaction_status not in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}:
            connection.execute("rollback")
        raise _judged(connection, path, unanswered or [steps[-1].statement], failure) from failure


def _judged(
    connection: Connection, path: Path, statements: Sequence[Statement], error: psycopg.Error
) -> Exception:
    """Tell whose fault an error is: the connection's, the scratch server's, or the first statement's."""
    if (error.sqlstate or "08").startswith(CONNECTION_LOST) or connection.closed or not statements:
        return ProbeError(f"the server went away during {path.name}: {error}")
    lacking = missing_here(connection, statements[0], error)
    if lacking:
        return ProbeError(f"{path.name}:{statements[0].line}: {lacking}")
    return MigrationError(path, statements[0], error)


def _refuse_rows(path: Path, statement: Statement) -> None:
    """Refuse what the CLI cannot load either; a server would wait for rows."""
    if FROM_STDIN.match(statement.text):
        said = "COPY from stdin failed: the Supabase CLI sends no rows"
        raise MigrationError(path, statement, psycopg.errors.QueryCanceled(said))


def _own_hint(statement: Statement) -> str:
    if FROM_STDIN.match(statement.text):
        return "write the rows as INSERT, as `supabase db dump --data-only` does"
    return "psql's own commands run in psql alone: take it out" if statement.text.startswith("\\") else ""
