"""What to do when the server refuses a made row: each SQLSTATE says which rule stood in the way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.candidates import OF_A_SESSION, Concessions
from shipworthy.probes.postgres.access.hints import functions_in, hints_about
from shipworthy.probes.postgres.access.lifting import Again, Later, Lifting, identifier, told
from shipworthy.probes.postgres.access.scalars import is_plain
from shipworthy.probes.postgres.access.schema import Schema, Table, Trigger, bare
from shipworthy.probes.postgres.access.texts import TEXTS

OTHER_VALUES = 3
"""How many times other values are tried before a check or an exclusion constraint is lifted."""
OTHER_KEYS = 12
OTHER_WORDS = 8
"""How many values from a trigger's body are tried before it is switched off."""
CALLERS = ("", "user", "service_role")
"""In whose name rows are put in where a trigger asks: nobody's, their own user's, the service's."""
MOST_COLUMNS = 400
"""Of a row that fits no page: so many columns are filled first, then half of them, and so on."""
HARMLESS = re.compile(r"nextval\(|gen_random_uuid\(|uuid_generate_v\d\(|\bnow\(|CURRENT_|timezone\(")
BODY = b"""
select pg_catalog.format('%I.%I', n.nspname, p.proname), p.prosrc
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where l.lanname not in ('c', 'internal') and n.nspname not in ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that the server did not take."""

    fixed: Mapping[str, str | None]
    row: Mapping[str, str]
    error: psycopg.Error
    turn: int
    """How many times other values were tried before."""


Answer = Again | Later | str | dict[str, str | None]
"""Try again; at once or after others; the reason why it is hopeless; or the row that is there already."""


class Refusals:
    """Answers to refusals."""

    def __init__(self, connection: psycopg.Connection[Any], schema: Schema) -> None:
        self._connection = connection
        self._schema = schema
        self.sources: Mapping[str, str] = dict(connection.execute(BODY).fetchall())
        """Function to body, for those that have a text."""
        self.lifting = Lifting(connection, schema)
        self.last = ""

    def answer(self, table: Table, refused: Refused | None, concessions: Concessions) -> Answer:
        """Do the least that may let the row in."""
        if not refused:
            self.last = "no row came of the INSERT, and no error"
            return self._without_trigger(table, "the row vanished, and it fires before an INSERT", "before")
        self.last = told(refused.error)
        answers = {
            "23514": self._check, "23505": self._key, "23503": self._reference, "23502": self._null,
            "23P01": self._exclusion, "57014": self._time, "54000": self._size, "54011": self._size,
        }  # fmt: skip
        raised = self._raised(table, refused.error)
        if raised:
            return self._heed(table, raised, refused, concessions)
        return answers.get(refused.error.sqlstate or "", self._value)(table, refused, concessions)

    def _heed(
        self, table: Table, raised: tuple[Table, Trigger], refused: Refused, concessions: Concessions
    ) -> Answer:
        """Sign in for a trigger that asks who calls, try what it compares with, at last switch it off."""
        where, trigger = raised
        if self._asks_for_caller(trigger) and concessions.caller != CALLERS[-1]:
            concessions.caller = CALLERS[CALLERS.index(concessions.caller) + 1]
            return Again()
        speaks = where is table and any(
            hints_about(column.bare, trigger.source).said
            for column in table.columns
            if column.name not in refused.fixed
        )
        tired = refused.turn >= OTHER_WORDS or self.lifting.is_stubborn(where, trigger.name)
        if speaks and not tired and refused.error.sqlstate != "57014":
            concessions.heeded.add(trigger.name)
            return Again(True)
        return self.lifting.trigger(where, trigger, f"it raised: {self.last}")

    def _asks_for_caller(self, trigger: Trigger) -> bool:
        """Tell whether a trigger, or a function that it calls, asks who is calling."""
        called = (name for name in self.sources if f"{_last(name)}(" in trigger.source)
        return any(
            OF_A_SESSION.search(source)
            for source in (trigger.source, *(self.sources[name] for name in called))
        )

    def _check(self, table: Table, refused: Refused, concessions: Concessions) -> Answer:
        said = refused.error.diag
        name = said.constraint_name
        if not name:
            return Again(True) if refused.turn < OTHER_KEYS else f"no partition takes it: {self.last}"
        check = next((check for check in table.checks if bare(check.name) == name), None)
        given = check and set(check.columns) <= set(refused.fixed)
        tired = refused.turn >= OTHER_VALUES or self.lifting.is_stubborn(table, identifier(name))
        if not given and not tired:
            return Again(True)
        if said.datatype_name:
            domain = f"{identifier(said.schema_name or '')}.{identifier(said.datatype_name)}"
            return self.lifting.domain_check(domain, name, self.last)
        return self._without_check(table, identifier(name), concessions)

    def _without_check(self, table: Table, name: str, concessions: Concessions) -> Answer:
        answer = self.lifting.check(table, bare(name), self.last)
        if isinstance(answer, Again):
            concessions.lifted.add(name)
        return answer

    def _exclusion(self, table: Table, refused: Refused, _concessions: Concessions) -> Answer:
        name = refused.error.diag.constraint_name or ""
        if refused.turn < OTHER_VALUES:
            return Again(True)
        return self.lifting.exclusion(table, name, self.last)

    def _key(self, table: Table, refused: Refused, _concessions: Concessions) -> Answer:
        said = refused.error.diag
        holder = self._table_named(said.schema_name, said.table_name) or table
        key = next((key for key in holder.keys if bare(key.name) == said.constraint_name), None)
        columns = key.columns if key else ()
        if (not key or not set(columns) <= set(refused.fixed)) and refused.turn < OTHER_KEYS:
            return Again(True)
        known = {name: value for name, value in refused.row.items() if name in columns and value != "default"}
        return (self._existing(table, known) if known else None) or self.last

    def _existing(self, table: Table, known: Mapping[str, str]) -> dict[str, str | None] | None:
        where = " and ".join(
            f"{name} is not distinct from ({value})::{table.by_name[name].type.text}"
            for name, value in known.items()
        )
        wanted = ", ".join(f"{name}::text" for name in table.by_name)
        query = f"select {wanted} from {table.name} where {where} limit 1"  # noqa: S608  the schema's own names
        with self._connection.transaction():
            row = self._connection.execute(query.encode()).fetchone()
        return dict(zip(table.by_name, row, strict=True)) if row else None

    def _reference(self, table: Table, refused: Refused, _concessions: Concessions) -> Answer:
        name = refused.error.diag.constraint_name
        found = next((each for each in table.references if bare(each.name) == name), None)
        if not found:
            return self.last
        return f"{', '.join(found.columns)} refers to a row of {found.target} that is not there: {self.last}"

    def _null(self, table: Table, refused: Refused, concessions: Concessions) -> Answer:
        column = next((c for c in table.columns if c.bare == refused.error.diag.column_name), None)
        if not column or refused.row.get(column.name) == "null":
            return self.last
        if refused.row.get(column.name) == "default" and column.name not in concessions.made:
            concessions.made.add(column.name)
            return Again()
        if not concessions.caller and any(map(self._asks_for_caller, table.triggers)):
            concessions.caller = CALLERS[1]
            return Again()
        return self._without_trigger(table, f"it leaves {column.name} empty", "before")

    def _time(self, table: Table, _refused: Refused, concessions: Concessions) -> Answer:
        """Look for what sleeps: defaults first, which can be done without, then checks."""
        if self._made_instead(table, concessions):
            return Again()
        for check in table.checks:
            if check.name not in concessions.lifted and "(" in check.expression.strip("()"):
                return self._without_check(table, check.name, concessions)
        return self._without_trigger(table, self.last, "before", "after")

    def _size(self, _table: Table, _refused: Refused, concessions: Concessions) -> Answer:
        before = concessions.most_columns
        if before == 0:
            return self.last
        concessions.most_columns = MOST_COLUMNS if before is None else before // 2
        return Again()

    def _value(self, table: Table, refused: Refused, concessions: Concessions) -> Answer:
        """Answer an error that names no rule: do without defaults, then without what may be left out."""
        wrong = [name for name, value in refused.fixed.items() if value and f'"{value}"' in self.last]
        if wrong and refused.error.diag.statement_position:
            return f"{', '.join(wrong)} cannot be what it was given: {self.last}"
        called = set(_functions(refused.error.diag.context or ""))
        for check in table.checks:
            if called & {_last(name) for name in functions_in(check.expression)} - concessions.lifted:
                return self._without_check(table, check.name, concessions)
        if self._made_instead(table, concessions):
            return Again()
        for only_odd in (True, False):
            nulls = {
                column.name
                for column in table.columns
                if not column.not_null and column.name not in refused.fixed
                and not (only_odd and (is_plain(column.type) or column.type.base in TEXTS))
            }  # fmt: skip
            if nulls - concessions.nulls:
                concessions.nulls |= nulls
                return Again()
        return self._without_trigger(table, self.last, "before", "after")

    def _made_instead(self, table: Table, concessions: Concessions) -> bool:
        """Stop using defaults that call functions; tell whether any was still in use."""
        called = {
            c.name for c in table.columns if c.default and "(" in c.default and not HARMLESS.search(c.default)
        }
        new = called - concessions.made
        concessions.made |= new
        return bool(new)

    def _raised(self, table: Table, error: psycopg.Error) -> tuple[Table, Trigger] | None:
        """Find the trigger that an error came from: the outermost one, best of the table itself."""
        called = _functions(error.diag.context or "")
        for candidates in (list(self._near(table)), list(self._schema.tables.values())):
            for function in reversed(called):
                for candidate in candidates:
                    for trigger in self._active(candidate):
                        if _last(trigger.function) == function:
                            return candidate, trigger
        return None

    def _near(self, table: Table) -> Iterator[Table]:
        yield table
        for name in (*table.parents, *self._schema.partitions.get(table.name, ())):
            if name in self._schema.tables:
                yield self._schema.tables[name]

    def _active(self, table: Table) -> Iterator[Trigger]:
        for trigger in table.triggers:
            if trigger.enabled and not self.lifting.is_off(table, trigger):
                yield trigger

    def _without_trigger(self, table: Table, reason: str, *timings: str) -> Answer:
        for near in self._near(table):
            for trigger in self._active(near):
                if trigger.timing in timings and "insert" in trigger.events:
                    return self.lifting.trigger(near, trigger, reason)
        return self.last

    def _table_named(self, schema: str | None, name: str | None) -> Table | None:
        return self._schema.tables.get(f"{identifier(schema or '')}.{identifier(name or '')}")


def _functions(context: str) -> list[str]:
    """Name the functions of an error's context, the innermost first, without schema and quotes."""
    found = re.findall(
        r"^(?:PL/\w+|SQL) function (.+?)(?:\(| statement| during|$)", context, flags=re.MULTILINE
    )
    return [_last(name) for name in found]


def _last(name: str) -> str:
    found = re.search(r'("(?:[^"]|"")*"|[^."]+)$', name)
    return bare(found[0]) if found else name
