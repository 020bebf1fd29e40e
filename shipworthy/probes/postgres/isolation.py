"""Who reaches which row: found out by doing it, as each persona, and rolling it back.

The order in which Postgres checks makes every answer exact. Privileges come first, then row
security, then constraints: a statement that ends in a constraint's violation (SQLSTATE class 23)
had been let through. Triggers and foreign keys are switched off for the proof, so that nothing
but privileges and policies decides.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.copies import ANY_ROW, AS_SELF, WHOLE, Copies
from shipworthy.probes.postgres.personas import ANONYMOUS, OWNER, SERVICE, Persona, acting_as, become
from shipworthy.probes.postgres.tables import ROW_KEY, Table, row_keys, row_values

DENIED = "42501"
CONSTRAINT_CLASS = "23"
RAISED = "P0001"
REFERENCED = "0A000"
"""TRUNCATE of a table that others reference: refused after privileges were found sufficient."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The rows of a table that a persona sees, by key."""

    rows: frozenset[str]
    refused: bool
    """The persona may not read the table at all."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One statement that a persona tried."""

    persona: str
    table: str
    command: str
    case: str
    """What kind of row it was about; empty where the command says it all."""
    allowed: bool
    """It was let through: privileges and policies had no objection."""
    rows: frozenset[str]
    """The rows that it reached: changed or deleted ones, or new ones that the other member now sees."""
    saw: str
    """The outcome in words."""
    unclear: bool = False
    """It failed for a reason that says nothing about access."""

    @property
    def privilege(self) -> str:
        """The privilege that the command needs."""
        return "update" if self.command == "move" else self.command

    @property
    def foreign(self) -> bool:
        """It was about a row of the other member's tenant."""
        return self.command in {"insert", "move"} and self.case != ANY_ROW

    @property
    def whole(self) -> bool:
        """The row would belong to the other tenant in every respect but, perhaps, its user."""
        return self.case in {WHOLE, AS_SELF}


@dataclass(frozen=True, slots=True)
class AccessMatrix:
    """Personas by tables by commands: what each could do."""

    tables: tuple[Table, ...]
    members: tuple[Persona, Persona]
    sights: dict[tuple[str, str], Sight]
    """(persona, table) to what was seen."""
    attempts: tuple[Attempt, ...]
    triggers_off: bool

    def rows(self, persona: Persona, table: Table) -> frozenset[str]:
        """Give the keys of the rows that a persona sees."""
        return self.sights[persona.name, table.name].rows

    def tried(self, persona: Persona, table: Table) -> Iterator[Attempt]:
        """Iterate over what a persona tried to write to a table."""
        return (a for a in self.attempts if a.persona == persona.name and a.table == table.name)

    def as_csv(self) -> str:
        """Write the matrix as CSV: one line a persona, table, command and case."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(("table", "persona", "command", "case", "let through", "saw"))
        for (persona, table), sight in sorted(self.sights.items(), key=lambda item: item[0][::-1]):
            saw = "refused" if sight.refused else f"{len(sight.rows)} rows"
            lines.writerow((table, persona, "select", "", bool(sight.rows), saw))
        for a in sorted(self.attempts, key=lambda a: (a.table, a.persona)):
            lines.writerow((a.table, a.persona, a.command, a.case, a.allowed, a.saw))
        return text.getvalue()


def measure_access(
    connection: psycopg.Connection[Any], tables: tuple[Table, ...], members: tuple[Persona, Persona]
) -> AccessMatrix:
    """Try every command on every table as everyone.

    Args:
        connection: to a disposable database, as its owner; outside a transaction.
        tables: what to try it on.
        members: users of two tenants.

    Raises:
        ProbeError: some statement failed for a reason that says nothing about access.

    """
    personas = (OWNER, SERVICE, ANONYMOUS, *members)
    with connection.transaction(force_rollback=True):
        triggers_off = _switch_triggers_off(connection)
        become(connection, OWNER)
        sights = {(p.name, t.name): _see(connection, p, t) for t in tables for p in personas}
        copies = Copies(connection, {t.name: t for t in tables}, {key: s.rows for key, s in sights.items()})
        attempts = [
            attempt
            for table in tables
            for persona in personas
            for attempt in _Trial(connection, persona, table, copies).everything(
                members[0] if persona != members[0] else members[1]
            )
        ]
    unclear = [f"{a.persona} {a.command} {a.table}: {a.saw}" for a in attempts if a.unclear]
    if unclear:
        raise ProbeError("statements failed for reasons that say nothing about access: " + "; ".join(unclear))
    return AccessMatrix(tables, members, sights, tuple(attempts), triggers_off)


def _switch_triggers_off(connection: psycopg.Connection[Any]) -> bool:
    try:
        with connection.transaction():
            connection.execute("set local session_replication_role = 'replica'")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _see(connection: psycopg.Connection[Any], persona: Persona, table: Table) -> Sight:
    try:
        with acting_as(connection, persona):
            return Sight(row_keys(connection, table), refused=False)
    except psycopg.errors.InsufficientPrivilege:
        return _see_columns(connection, persona, table)


def _see_columns(connection: psycopg.Connection[Any], persona: Persona, table: Table) -> Sight:
    """See what a persona sees that may read some columns only: rows are matched by their values."""
    granted = _may(connection, persona, table, "select")
    if not granted:
        return Sight(frozenset(), refused=True)
    row = SQL("md5(row({})::text)").format(SQL(", ").join(map(Identifier, sorted(granted))))
    with acting_as(connection, persona):
        try:
            seen = {v for (v,) in connection.execute(SQL("select {} from {}").format(row, table.sql))}
        except psycopg.errors.InsufficientPrivilege:
            return Sight(frozenset(), refused=True)
    keys = connection.execute(SQL("select {}, {} from {}").format(row, SQL(ROW_KEY), table.sql))
    return Sight(frozenset(key for value, key in keys if value in seen), refused=False)


def _may(connection: psycopg.Connection[Any], persona: Persona, table: Table, what: str) -> frozenset[str]:
    """Give the columns on which a persona has a privilege."""
    if persona.role is None:
        return frozenset(column.name for column in table.columns)
    query = SQL("select {name}::text where has_column_privilege({role}, {table}, {name}, {what})")
    return frozenset(
        column.name
        for column in table.columns
        if connection.execute(
            query.format(
                name=Literal(column.name),
                role=Literal(persona.role),
                table=Literal(table.name),
                what=Literal(what),
            )
        ).fetchone()
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    """One persona at one table."""

    connection: psycopg.Connection[Any]
    persona: Persona
    table: Table
    copies: Copies

    def everything(self, other: Persona) -> Iterator[Attempt]:
        """Try every command; ``other`` is the member whose rows are none of this persona's business."""
        yield self._change()
        yield self._reach("delete", SQL("delete from {}").format(self.table.sql))
        yield self._run("truncate", "", SQL("truncate {}").format(self.table.sql))
        insertable = _may(self.connection, self.persona, self.table, "insert")
        for case, values in self.copies.inserts(self.table, self.persona, other):
            granted = {c: v for c, v in values.items() if not insertable or c in insertable}
            yield self._run("insert", case, _insert(self.table, granted))
        if self.persona.user and not self.table.partition:
            for case, values in self.copies.moves(self.table, self.persona, other):
                yield self._run("move", case, _update(self.table, values), after=self._newly_seen_by(other))

    def _change(self) -> Attempt:
        """Change one harmless column of every row within reach, without reading any."""
        column = self.table.plain_column(_may(self.connection, self.persona, self.table, "update")).name
        everyone = sorted(self.copies.sights[OWNER.name, self.table.name])
        values = row_values(self.connection, self.table, everyone[0]) if everyone else {column: None}
        attempt = self._reach("update", _update(self.table, {column: values[column]}))
        if attempt.saw.startswith(CONSTRAINT_CLASS):
            same = SQL("update {table} set {c} = {c}").format(table=self.table.sql, c=Identifier(column))
            attempt = self._reach("update", same)
        return attempt

    def _reach(self, command: str, statement: Composed) -> Attempt:
        before = row_keys(self.connection, self.table)
        return self._run(command, "", statement, after=lambda: before - row_keys(self.connection, self.table))

    def _newly_seen_by(self, other: Persona) -> Callable[[], frozenset[str]]:
        before = self.copies.sights[other.name, self.table.name]
        return lambda: _see(self.connection, other, self.table).rows - before

    def _run(
        self,
        command: str,
        case: str,
        statement: Composed,
        *,
        after: Callable[[], frozenset[str]] = frozenset,
    ) -> Attempt:
        """Run a statement as the persona; then, as the owner, look at what it did; undo it."""
        try:
            with acting_as(self.connection, self.persona):
                count = self.connection.execute(statement).rowcount
                become(self.connection, OWNER)
                reached = after()
        except psycopg.Error as error:
            return self._stopped(command, case, error)
        allowed = bool(reached) if command in {"update", "delete"} else count != 0
        saw = {"truncate": "done"}.get(command, f"{count} rows")
        return Attempt(self.persona.name, self.table.name, command, case, allowed, reached, saw)

    def _stopped(self, command: str, case: str, error: psycopg.Error) -> Attempt:
        state = error.sqlstate or ""
        allowed = state.startswith(CONSTRAINT_CLASS) or (command == "truncate" and state == REFERENCED)
        saw = f"{state} {error.diag.message_primary or error}"
        unclear = not allowed and state not in {DENIED, RAISED}
        names = (self.persona.name, self.table.name)
        return Attempt(*names, command, case, allowed, frozenset(), saw, unclear=unclear)


def _update(table: Table, values: dict[str, str | None]) -> Composed:
    changes = SQL(", ").join(
        SQL("{} = {}").format(Identifier(column), table.value(column, text))
        for column, text in values.items()
    )
    return SQL("update {} set {}").format(table.sql, changes)


def _insert(table: Table, values: dict[str, str | None]) -> Composed:
    return SQL("insert into {} ({}) overriding system value values ({})").format(
        table.sql,
        SQL(", ").join(map(Identifier, values)),
        SQL(", ").join(table.value(column, text) for column, text in values.items()),
    )
