"""Rows for any table, made by the schema's own rules: generated, then tested by the server itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.candidates import Concessions, UnplannableError
from shipworthy.probes.postgres.access.lifting import Again, Later, told
from shipworthy.probes.postgres.access.model import Lifted
from shipworthy.probes.postgres.access.plans import Plan, Planner
from shipworthy.probes.postgres.access.refusals import Refusals, Refused
from shipworthy.probes.postgres.access.schema import FOREIGN, PARTITIONED, Schema, Table
from shipworthy.probes.postgres.access.search import CREATE_FUNCTION, FUNCTION, Search

PATIENCE_S = 2.0
"""How long one statement may take: what sleeps or loops is found by this."""
TRIES = 40
"""How often a row is tried, each time with one reason less for the server to refuse it."""
SIGN_IN = """
select set_config('request.jwt.claim.role', claims ->> 'role', true),
  set_config('request.jwt.claim.sub', coalesce(claims ->> 'sub', ''), true),
  set_config('request.jwt.claims', claims::text, true)
from (
  select case when %(service)s then json_build_object('role', 'service_role') else json_build_object(
    'sub', id, 'role', 'authenticated', 'aud', 'authenticated', 'email', email) end as claims
  from (values (1)) one left join auth.users on true
  order by id::text = any (%(given)s) desc nulls last limit 1
) caller
"""
"""Say whose call it is, without being it: the user's whom the row is for (where it names none, anyone's)."""
SET_LIMITS = """
select to_regproc(%s) is null, current_setting('statement_timeout'), current_setting('lock_timeout'),
  current_setting('client_min_messages'), set_config('statement_timeout', %s, true),
  set_config('lock_timeout', %s, true), set_config('client_min_messages', %s, true)
"""
CALLER = ("request.jwt.claim.role", "request.jwt.claim.sub", "request.jwt.claims")
"""Settings that say whose call it is."""
WHO_CALLS = "select " + ", ".join(f"coalesce(current_setting('{name}', true), '')" for name in CALLER)
SIGN_OUT = "select " + ", ".join(f"set_config('{name}', %s, true)" for name in CALLER)
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Made:
    """A row that is in its table now. Names of columns are quoted as in the schema."""

    table: str
    values: Mapping[str, str | None]
    """Every column as text, generated ones and what triggers changed included."""
    key: Mapping[str, str | None]
    """The part of it that is the primary key; empty where the table has none."""
    existing: bool = False
    """It was there already, made by a trigger or a migration: what was asked for collided with it."""


@dataclass(frozen=True, slots=True)
class Unmakeable:
    """No row could be made."""

    table: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row to be made."""

    fixed: Mapping[str, str | None]
    """Columns (quoted as in the schema) that must have these values: references, users, variants.

    Two kinds of them give way to a check that forbids them: a nullable reference where only one of several
    may be there, and a value that a check of its column alone does not know. ``Made`` says what there is.
    """
    token: str
    """Letters and digits that stand in its texts, and in no other row's."""


class RowMaker:
    """Makes rows, on a database of its own: what cannot be satisfied there is lifted, and named.

    Args:
        connection: as the owner of the tables; each row is put in under a savepoint.
        schema: of that database.
        templates: table to column to SQL that overrides what would be made.

    """

    def __init__(
        self,
        connection: Connection,
        schema: Schema,
        templates: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._templates = templates or {}
        self._numbers = itertools.count(1)
        self._plans: dict[tuple[object, ...], Plan] = {}
        self._planners: dict[str, Planner] = {}
        self._concessions: dict[str, Concessions] = {}
        self._refusals = Refusals(connection, schema)

    @property
    def lifted(self) -> tuple[Lifted, ...]:
        """What had to give way so far."""
        return tuple(self._refusals.lifting.lifted)

    def restore_triggers(self) -> None:
        """Let the triggers that gave way stand again, once every row is made."""
        self._refusals.lifting.restore_triggers()

    def insert(self, table: str, fixed: Mapping[str, str | None], token: str) -> Made | Unmakeable:
        """Put one row into a table."""
        return self.insert_many(table, [Wanted(fixed, token)])[0]

    def insert_many(self, table: str, wanted: Sequence[Wanted]) -> list[Made | Unmakeable]:
        """Put rows into a table: by one statement where that works, else one by one.

        Returns:
            One result for each, in their order.

        """
        target = self._schema.tables.get(table)
        reason = self._hopeless(target, table, {name for each in wanted for name in each.fixed})
        if not target or reason:
            return [Unmakeable(table, reason) for _ in wanted]
        try:
            with self._limits():
                return self._all(target, wanted)
        except psycopg.Error as error:
            # Outside a transaction of the caller's, deferred constraints speak only now.
            return [Unmakeable(table, told(error)) for _ in wanted]

    def _all(self, table: Table, wanted: Sequence[Wanted]) -> list[Made | Unmakeable]:
        """Put in what goes in as things are; only then lift what keeps the other rows out."""
        results: dict[int, Made | Unmakeable] = {}
        for allowed in (False, True):
            self._refusals.lifting.allowed = allowed
            rest = [place for place in range(len(wanted)) if place not in results]
            learnt = len(rest) > 1
            while rest:
                # A row that went in by itself has taught something for the others.
                together = self._together(table, [wanted[place] for place in rest]) if learnt else None
                if together:
                    results |= dict(zip(rest, together, strict=True))
                    break
                place = rest.pop(0)
                result = self._one(table, wanted[place])
                learnt = isinstance(result, Made) and len(rest) > 1
                if not isinstance(result, Later):
                    results[place] = result
        return [results[place] for place in range(len(wanted))]

    def _hopeless(self, table: Table | None, name: str, given: set[str]) -> str:
        if not table:
            return f"there is no table {name}"
        unknown = given - set(table.by_name)
        if unknown:
            return f"it has no column {', '.join(sorted(unknown))}"
        if table.kind == FOREIGN:
            return "a foreign table: its rows lie on another server"
        if table.kind == PARTITIONED and not self._schema.partitions.get(name):
            return "it is partitioned and has no partition; create one in a migration"
        return ""

    @contextmanager
    def _limits(self) -> Iterator[None]:
        """Bound every statement inside; the limits from before hold again afterwards."""
        with self._connection.transaction():
            limit = f"{round(PATIENCE_S * 1000)}ms"
            before = self._set(limit, limit, "error")
            yield
            self._set(*before)

    def _set(self, *limits: str) -> tuple[str, ...]:
        """Set the limits; gives those from before."""
        found = self._connection.execute(SET_LIMITS, [FUNCTION, *limits]).fetchone()
        missing, *before = (found or (True,))[:4]
        if missing:
            self._connection.execute(CREATE_FUNCTION.encode())
        return tuple(before)

    def _together(self, table: Table, wanted: Sequence[Wanted]) -> list[Made | Unmakeable] | None:
        if self._conceded(table).caller:
            return None  # each by its own user
        rows = []
        for each in wanted:
            number = next(self._numbers)
            try:
                rows.append(self._plan(table, each, number).row(each.fixed, each.token, number))
            except UnplannableError:
                return None
        if any(set(row) != set(rows[0]) for row in rows) or not rows[0]:
            return None
        try:
            found = self._put(table, rows)
        except psycopg.Error:
            return None
        return [_made(table, values) for values in found] if len(found) == len(rows) else None

    def _one(self, table: Table, wanted: Wanted) -> Made | Unmakeable | Later:
        turn = 0
        for _ in range(TRIES):
            answer = self._attempt(table, wanted, turn)
            if not isinstance(answer, Again):
                return answer
            # What has given way may have been all that was wrong with the first values.
            turn = turn + 1 if answer.other_values else 0
            self._forget(table)
        return Unmakeable(table.name, f"{TRIES} attempts failed; the last one: {self._refusals.last}")

    def _attempt(self, table: Table, wanted: Wanted, turn: int) -> Made | Unmakeable | Again | Later:
        number = next(self._numbers)
        token = f"{wanted.token}{number}" if turn else wanted.token
        row: dict[str, str] = {}
        try:
            plan = self._plan(table, Wanted(wanted.fixed, token), number, turn)
            row = plan.row(wanted.fixed, token, number)
            found = self._put(table, [row], wanted.fixed)
        except UnplannableError as error:
            return Unmakeable(table.name, str(error))
        except psycopg.OperationalError as error:
            if self._connection.closed:
                return Unmakeable(table.name, f"the server went away: {error}")
            return self._answered(table, Refused(wanted.fixed, row, error, turn))
        except psycopg.Error as error:
            return self._answered(table, Refused(wanted.fixed, row, error, turn))
        if not found:
            return self._answered(table, None)
        self._plans[self._case(table, wanted.fixed)] = plan
        return _made(table, found[0])

    def _answered(self, table: Table, refused: Refused | None) -> Made | Unmakeable | Again | Later:
        """Do something about what the server said; without anything said, the row vanished on its way."""
        answer = self._refusals.answer(table, refused, self._conceded(table))
        if isinstance(answer, Again | Later):
            return answer
        return (
            Unmakeable(table.name, answer) if isinstance(answer, str) else _made(table, answer, existing=True)
        )

    def _plan(self, table: Table, wanted: Wanted, number: int, turn: int = 0) -> Plan:
        case = self._case(table, wanted.fixed)
        if turn or case not in self._plans:
            search = Search(self._connection, table, wanted.token, number)
            plan = self._planner(table).plan(wanted.fixed, search, turn)
            if turn:
                return plan
            self._plans[case] = plan
        return self._plans[case]

    def _planner(self, table: Table) -> Planner:
        if table.name not in self._planners:
            template = self._templates.get(table.name, {})
            conceded, sources = self._conceded(table), self._refusals.sources
            self._planners[table.name] = Planner(self._schema, table, template, conceded, sources)
        return self._planners[table.name]

    def _conceded(self, table: Table) -> Concessions:
        return self._concessions.setdefault(table.name, Concessions())

    def _case(self, table: Table, fixed: Mapping[str, str | None]) -> tuple[object, ...]:
        """Tell rows apart for which different plans are needed."""
        deciding = sorted(self._planner(table).depends_on & set(fixed))
        refers = {name for reference in table.references for name in reference.columns}
        values = ((fixed[name] is None) if name in refers else fixed[name] for name in deciding)
        return table.name, frozenset(fixed), tuple(values)

    def _forget(self, table: Table) -> None:
        self._planners.pop(table.name, None)
        self._plans = {case: plan for case, plan in self._plans.items() if case[0] != table.name}

    def _put(
        self, table: Table, rows: Sequence[Mapping[str, str]], fixed: Mapping[str, str | None] | None = None
    ) -> list[dict[str, str | None]]:
        statement = insertion(table, rows)
        caller = self._conceded(table).caller
        with self._connection.transaction():
            if caller:
                before = self._connection.execute(WHO_CALLS.encode()).fetchone()
                given = [value for value in (fixed or {}).values() if value]
                self._connection.execute(SIGN_IN, {"given": given, "service": caller == "service_role"})
            found = self._connection.execute(statement.encode()).fetchall()
            if caller:
                self._connection.execute(SIGN_OUT.encode(), before)
        return [dict(zip(table.by_name, values, strict=True)) for values in found]


def insertion(table: Table, rows: Sequence[Mapping[str, str]]) -> str:
    """Write the statement that puts rows into a table and gives all of their values back as text."""
    columns = list(rows[0])
    values = ", ".join("(" + ", ".join(row[name] for name in columns) + ")" for row in rows)
    always = any(table.by_name[name].identity == "always" for name in columns)
    into = f"({', '.join(columns)}) {'overriding system value ' if always else ''}values {values}"
    returned = ", ".join(f"{name}::text" for name in table.by_name)
    return f"insert into {table.name} {into if columns else 'default values'} returning {returned}"


def _made(table: Table, values: Mapping[str, str | None], *, existing: bool = False) -> Made:
    return Made(table.name, values, {name: values[name] for name in table.primary_key}, existing)
