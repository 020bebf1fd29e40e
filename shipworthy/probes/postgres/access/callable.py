"""The functions that the Data API serves, and arguments for them out of the rows of two worlds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import class_row

from shipworthy.probes.postgres.access.asked import document, words
from shipworthy.probes.postgres.access.belonging import UUID
from shipworthy.probes.postgres.access.model import Row, Worlds
from shipworthy.probes.postgres.access.schema import Schema
from shipworthy.probes.postgres.access.writing import literal

MOST_CASES = 8
"""So many sets of arguments are tried on one function for each world."""
SECRET = re.compile(r"token|code|secret|hash|password|otp|key$")
"""Whoever knows such a value is meant to get in by it."""
PUBLIC_NAME = re.compile(r"slug$|^username$|handle$")
PERSON = re.compile(r"user|profile|owner|member|author|person|account_?id$|^uid$")
TENANT = re.compile(r"org|tenant|team|account|workspace|company|group|project")
PLAIN = {
    "integer": "10", "bigint": "10", "smallint": "10", "numeric": "1", "double precision": "1", "real": "1",
    "boolean": "true", "interval": "1 day", "date": "2001-01-01", "time without time zone": "10:00",
    "timestamp with time zone": "2001-01-01", "timestamp without time zone": "2001-01-01",
}  # fmt: skip
WHOLE = frozenset({"integer", "bigint", "smallint"})
TEXTS = frozenset({"text", "character varying", "citext"})
FROM_THE_FIRST = re.compile(r"offset|skip")
"""Where a number other than none would leave out the rows that there are."""
MOST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Callable:
    """One function."""

    name: str
    """``schema.name``, quoted where needed."""
    arguments: str
    """Identity arguments, as ``drop function`` wants them."""
    names: Sequence[str]
    """Of the input arguments; empty texts where they have none."""
    types: Sequence[str]
    optional: int
    """So many of the last ones have a default."""
    volatile: bool
    definer: bool
    roles: Sequence[str]
    """Those of the Data API's roles that may execute it."""
    source: str
    """The body."""
    labels: Sequence[Sequence[str]]
    """Of the input arguments; empty where one is no enumeration."""

    @property
    def signature(self) -> str:
        """The name that SQL statements about this function need."""
        return f"{self.name}({self.arguments})"


_FUNCTIONS = """
select format('%%I.%%I', n.nspname, p.proname) as name,
  pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments,
  array(select coalesce(quote_ident(nullif(p.proargnames[i], '')), '')
        from generate_series(1, p.pronargs) i order by i) as names,
  array(select pg_catalog.format_type(t, null)
        from unnest(p.proargtypes) with ordinality o (t, i) order by i) as types,
  p.pronargdefaults::int as optional, p.provolatile = 'v' as volatile, p.prosecdef as definer,
  array(select r from unnest(%(roles)s::text[]) r
        where pg_catalog.has_function_privilege(r, p.oid, 'execute')
          and pg_catalog.has_schema_privilege(r, n.oid, 'usage')) as roles,
  coalesce(p.prosrc, '') as source,
  (select coalesce(jsonb_agg(
     array(select e.enumlabel from pg_catalog.pg_enum e where e.enumtypid = t order by e.enumsortorder)
     order by o), '[]') from unnest(p.proargtypes) with ordinality a (t, o)) as labels
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname = any (%(schemas)s) and p.prokind = 'f' and p.provariadic = 0
  and p.prorettype not in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
  and not exists (select from unnest(p.proargtypes) t
                  where t::regtype::text in ('internal', 'cstring', 'record')
                    or t::regtype::text like 'any%%')
  and not exists (select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by 1, 2
"""


def read_callables(
    connection: psycopg.Connection[Any], schemas: Sequence[str], roles: Sequence[str]
) -> tuple[Callable, ...]:
    """Give every function that can be called through the API by one of these roles."""
    with connection.cursor(row_factory=class_row(Callable)) as cursor:
        found = cursor.execute(_FUNCTIONS, {"schemas": list(schemas), "roles": list(roles)})
        return tuple(function for function in found if function.roles)


class Arguments:
    """Chooses arguments by name and type out of the rows of one world."""

    def __init__(self, schema: Schema, worlds: Worlds) -> None:
        self._schema, self._worlds = schema, worlds

    def cases(self, function: Callable, world: str, own: str = "") -> Iterator[Mapping[int, str]]:
        """Iterate over sets of arguments, each place to its value; left-out ones have their default.

        Args:
            function: what is called.
            world: whose ids are passed in.
            own: the caller, where that is its own world: its rows come first, and it knows the secrets.

        """
        rows = sorted(self._by_world.get(world, ()), key=lambda row: bool(own) and row.person != own)
        choices = [
            [
                *self._secrets(name, kind, rows if own else ()),
                *self._choices(name, kind, rows, function, place),
            ]
            for place, (name, kind) in enumerate(_parameters(function))
        ]
        needed = len(choices) - function.optional
        tried: list[dict[int, str]] = []
        longest = max(map(len, choices), default=1) or 1
        for turn in range(longest):
            chosen = {i: options[min(turn, len(options) - 1)] for i, options in enumerate(choices) if options}
            tried += [chosen, {i: text for i, text in chosen.items() if i < needed}]
        unique = {tuple(sorted(case.items())): case for case in tried}
        yield from list(unique.values())[:MOST_CASES]

    def _choices(
        self, name: str, kind: str, rows: Sequence[Row], function: Callable, place: int
    ) -> list[str]:
        parameter = function.names[place].strip('"')
        if kind in {"uuid", "uuid[]"}:
            found = [one for one in dict.fromkeys(self._ids(_stem(name), rows)) if UUID.fullmatch(one)]
            return [f"{{{one}}}" for one in found] if kind == "uuid[]" else found
        if SECRET.search(name):
            return []
        if kind in {"json", "jsonb"}:
            return [document(function.source, parameter, lambda key: next(iter(_named(key, rows)), "1"))]
        if kind in TEXTS:
            return self._texts(name, rows, words(function.source, parameter))
        if kind in WHOLE or kind in PLAIN or kind.endswith("[]"):
            return [self._plain(name, kind, rows)]
        return self._of_type(kind, rows) or list(function.labels[place])[:MOST_WORDS]

    def _texts(self, name: str, rows: Sequence[Row], asked: list[str]) -> list[str]:
        by_name = _named(name, rows)
        identifying = name.endswith("_id") or PUBLIC_NAME.search(name)
        # What stands in rows of nobody is a word that everyone uses: a currency, a plan.
        common = _named(name, self._by_world.get("", ()))
        known = [*(by_name[:1] if identifying else ()), *asked[:MOST_WORDS], *common[:1]]
        return list(dict.fromkeys([*known, "shipworthy"]))

    def _plain(self, name: str, kind: str, rows: Sequence[Row]) -> str:
        if kind in WHOLE and name.endswith("id"):
            ids = (*_named(name, rows), *self._ids(_stem(name), rows))
            return next((text for text in ids if text.isdecimal()), PLAIN[kind])
        if kind in WHOLE and FROM_THE_FIRST.search(name):
            return "0"
        return PLAIN.get(kind, "{}")

    def _secrets(self, name: str, kind: str, rows: Iterable[Row]) -> list[str]:
        """Give the secrets of the caller's own world that an argument of this name can mean."""
        if not SECRET.search(name) or kind not in {*TEXTS, "uuid"}:
            return []
        found = (
            text
            for row in rows
            for column, text in row.values.items()
            if text and SECRET.search(column) and name.endswith(column)
        )
        return list(dict.fromkeys(text for text in found if kind != "uuid" or UUID.fullmatch(text)))

    def _ids(self, stem: str, rows: Sequence[Row]) -> Iterator[str]:
        """Iterate over the ids that an argument of this name can mean, the likeliest first."""
        for row in rows:
            text = row.values.get(f"{stem}_id")
            if text and not SECRET.search(stem):
                yield text
        for row in rows:
            if row.table.rpartition(".")[2].strip('"').startswith(stem) and row.values.get("id"):
                yield row.values["id"] or ""
        people = [row.person for row in rows if row.person]
        tenants = [row.values.get("id") for row in rows if row.table in self._worlds.roots]
        first, second = (
            (people, tenants) if PERSON.search(stem) and not TENANT.search(stem) else (tenants, people)
        )
        yield from (text for text in (*first[:1], *second[:1]) if text)
        if stem in {"id", ""}:
            yield from (text for row in rows if (text := row.values.get("id")))

    def _of_type(self, kind: str, rows: Iterable[Row]) -> list[str]:
        """Take a value of a rare type, a vector's, from a column that has it."""
        wanted = kind.rpartition(".")[2]
        for row in rows:
            table = self._schema.relations.get(row.table)
            for column in table.columns if table else ():
                text = row.values.get(column.name)
                if text is not None and column.type.base == wanted:
                    return [text]
        return []

    @cached_property
    def _by_world(self) -> Mapping[str, tuple[Row, ...]]:
        found: dict[str, list[Row]] = {}
        for row in self._worlds.rows:
            found.setdefault(row.world, []).append(row)
        return {world: tuple(rows) for world, rows in found.items()}


def call(function: Callable, case: Mapping[int, str]) -> str:
    """Write a call whose rows come as one array of texts."""
    given = []
    for place, (name, kind) in enumerate(zip(function.names, function.types, strict=True)):
        text = f"{literal(case[place])}::{kind}" if place in case else f"null::{kind}"
        if place in case or place < len(function.types) - function.optional:
            given.append(f"{name} => {text}" if name else text)
    return f"select array_agg(x::text) from {function.name}({', '.join(given)}) x"  # noqa: S608  quoted by the server


def shown(function: Callable, case: Mapping[int, str]) -> str:
    """Say what a call was made with."""
    named = (f"{function.names[place] or place + 1}: {text[:40]}" for place, text in case.items())
    return ", ".join(named) or "no arguments"


def _parameters(function: Callable) -> Iterator[tuple[str, str]]:
    for name, kind in zip(function.names, function.types, strict=True):
        yield re.sub(r"^(_+|p_|in_|arg_|v_)", "", name.strip('"').lower()), kind


def _named(name: str, rows: Iterable[Row]) -> list[str]:
    """Give what stands in columns of a name."""
    return [text for row in rows if (text := row.values.get(name)) is not None]


def _stem(name: str) -> str:
    return re.sub(r"_?(id|uuid|ids)$", "", name) or "id"
