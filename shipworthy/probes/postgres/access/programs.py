"""The sources of a schema's rules: its policies, its views, and the functions that they call."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from shipworthy.probes.postgres.access.bodies import Body, parsed
from shipworthy.probes.postgres.access.comparisons import CALL, Comparisons, Place, Ref, Term
from shipworthy.probes.postgres.access.expressions import Reader
from shipworthy.probes.postgres.access.names import Names, quoted
from shipworthy.probes.postgres.access.schema import Schema
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS

SEARCHED = ("public", "extensions")
"""Where an unqualified name is looked for in a function that does not say it."""
_FUNCTIONS = """
select format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as signature,
  n.nspname as schema, p.proname as name, p.pronargs::int as arguments, p.pronargdefaults::int as defaults,
  coalesce(p.proargnames, '{}') as names, l.lanname as language, p.prosrc as source,
  pg_get_function_sqlbody(p.oid) as body,
  coalesce((select substr(s, 13) from unnest(p.proconfig) s where s like 'search_path=%%'), '') as path
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_' and p.prokind in ('f', 'p')
  and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
  and not exists (select from pg_depend d
                  where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by 1
"""
_VIEWS = """
select format('%%I.%%I', n.nspname, c.relname), pg_get_viewdef(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and format('%%I.%%I', n.nspname, c.relname) = any (%(views)s)
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A function of the project."""

    signature: str
    schema: str
    name: str
    arguments: int
    defaults: int
    names: tuple[str, ...]
    language: str
    source: str
    body: str | None
    """Of a function in the standard's style: ``begin atomic`` or ``return``."""
    path: str


def read_comparisons(connection: psycopg.Connection[Any], schema: Schema) -> Comparisons:
    """Read everything that policies compare, through views and functions.

    What cannot be parsed (dynamic SQL, languages other than ``sql`` and ``plpgsql``) says nothing.
    """
    with connection.transaction(), connection.cursor(row_factory=class_row(Program)) as cursor:
        before = connection.execute("select current_setting('search_path')").fetchone() or ("",)
        connection.execute("select set_config('search_path', '', true)")
        programs = cursor.execute(_FUNCTIONS, {"platform": list(PLATFORM_SCHEMAS)}).fetchall()
        views = connection.execute(_VIEWS, {"views": list(schema.views)}).fetchall()
        connection.execute("select set_config('search_path', %s, true)", before)
    return _Sources(schema, programs).read(views)


class _Sources:
    """Everything that can be read, and what was."""

    def __init__(self, schema: Schema, programs: Iterable[Program]) -> None:
        self.schema, self.found = schema, Comparisons()
        self.programs = {program.signature: program for program in programs}
        self.columns = {name: frozenset(table.by_name) for name, table in schema.relations.items()}
        self.by_name: dict[str, list[Program]] = {}
        for program in self.programs.values():
            self.by_name.setdefault(program.name, []).append(program)
        self.bare: dict[str, list[str]] = {}
        for name in schema.relations:
            self.bare.setdefault(name.rsplit(".", 1)[-1], []).append(name)

    def read(self, views: Iterable[tuple[str, str]]) -> Comparisons:
        for table in self.schema.relations.values():
            reader = self.reader(table.name)
            for text in dict.fromkeys(t for p in table.policies for t in (p.using, p.check) if t):
                for node in parsed(f"select {text}"):
                    with suppress(RecursionError):
                        reader.policy(table.name, node.targetList[0].val)
        for name, text in views:
            for node in parsed(text):
                with suppress(RecursionError):
                    for column, term in self.reader(name).query(node).items():
                        self.found.flow(Place(name, quoted(column)), term)
        self._functions()
        self.found.settle()
        return self.found

    def _functions(self) -> None:
        done: set[str] = set()
        while waiting := {f for called in self.found.calls.values() for f in called} - done:
            for signature in sorted(waiting):
                done.add(signature)
                with suppress(RecursionError):
                    self._function(self.programs[signature])

    def _function(self, program: Program) -> None:
        for number, name in enumerate(program.names[: program.arguments], 1):
            if name:
                owner = CALL + program.signature
                self.found.link(Ref(Place(owner, str(number))), Ref(Place(owner, name)))
        if program.language == "sql":
            self._sql(program)
        elif program.language == "plpgsql":
            body = Body(
                program.signature,
                self.found,
                lambda names: self.reader(program.signature, program.path, names),
            )
            body.read(program.name, program.names, program.source, self.columns)

    def _sql(self, program: Program) -> None:
        reader = self.reader(program.signature, program.path, (*program.names, program.name))
        text = _standard(program.body) if program.body else program.source
        outputs: dict[str, Term] = {}
        for node in parsed(text):
            outputs = reader.query(node)
        for name, term in outputs.items():
            self.found.flow(Place(CALL + program.signature, "result"), term)
            self.found.flow(Place(CALL + program.signature, f"result.{name}"), term)
            break

    def reader(self, source: str, path: str = "", names: Iterable[str] = ()) -> Reader:
        meant = Names(
            source,
            self.columns,
            table=lambda schema, name: self._table(schema, name, _searched(path)),
            function=self._program,
            variables=frozenset(names),
        )
        return Reader(self.found, meant)

    def _table(self, schema: str | None, name: str, searched: tuple[str, ...]) -> str:
        if schema:
            return f"{quoted(schema)}.{quoted(name)}"
        for place in searched:
            if (full := f"{quoted(place)}.{quoted(name)}") in self.schema.relations:
                return full
        return next(iter(self.bare.get(quoted(name), [])), quoted(name))

    def _program(self, schema: str | None, name: str, arguments: int) -> str | None:
        for program in self.by_name.get(name, ()):
            fits = program.arguments - program.defaults <= arguments <= program.arguments
            if fits and schema in {None, program.schema}:
                return program.signature
        return None


def _standard(body: str) -> str:
    """Give the statements of a body in the standard's style."""
    text = re.sub(r"^\s*BEGIN ATOMIC\s*(.*)\s*END\s*$", r"\1", body, flags=re.DOTALL)
    return re.sub(r"^\s*RETURN\b", "select", text)


def _searched(path: str) -> tuple[str, ...]:
    names = [name.strip().strip('"') for name in path.split(",") if name.strip().strip('"')]
    return tuple(names) or SEARCHED
