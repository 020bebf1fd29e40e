"""The access contract, ``supabase/access.toml``: who is meant to reach what.

    version = 1

    [tables]
    "public.plans" = { read = "everyone" }
    "public.posts" = { read = ["owner", "everyone when status = 'published'"], write = "owner" }
    "public.jobs" = {}

    [[groups]]
    tables = ["public.alerts", "public.metrics"]
    read = "members"

    [functions]
    "public.search" = "users"

A command that is not mentioned is nobody's; ``write`` stands for insert, update and delete where
those are not named themselves. A table or function that is not mentioned at all is undeclared.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipworthy.errors import Problem, TargetError
from shipworthy.probes.postgres.access.audience import NOBODY, WHO, Audience, read_audience
from shipworthy.probes.postgres.access.values import quoted

FILE = "access.toml"
COMMANDS = {"read": "select", "insert": "insert", "update": "update", "delete": "delete"}
"""What the file calls a command, to what SQL calls it."""
WRITES = ("insert", "update", "delete")
FUNCTIONS_ARE_FOR = ("everyone", "users", "nobody")
"""Who may execute a function is a matter of the database role alone."""

Audiences = frozenset[Audience]
Access = Mapping[str, Audiences]
"""SQL command to those who are meant to reach rows by it; empty where nobody is."""

_SECTIONS = ("version", "tables", "groups", "functions", "claims")
_LINES = (*COMMANDS, "write")


@dataclass(frozen=True)
class Contract:
    """What a project declares about access; empty where it declares nothing."""

    source: Path | None = None
    """The file; None where there is none."""
    tables: Mapping[str, Access] = field(default_factory=dict)
    """Table or view, schema-qualified and quoted where needed, to who reaches it."""
    functions: Mapping[str, Audiences] = field(default_factory=dict)
    """``schema.name`` for all functions of that name, or ``schema.name(type,type)`` for one."""
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Table to a row template for the row maker: column to value, as an SQL literal of any type."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """Dotted path of a token's claim to the column that it holds a value of."""

    @property
    def in_force(self) -> bool:
        """Tell whether anything is declared about access; row templates and claims alone are no intent."""
        return bool(self.tables or self.functions)

    def callers(self, name: str, signature: str) -> Audiences | None:
        """Give who is meant to execute a function; a line with its types goes before one with its name."""
        return self.functions.get(signature, self.functions.get(name))


def read_contract(folder: Path) -> Contract:
    """Read the contract of a project's folder; an empty one where it has none.

    Raises:
        TargetError: with every problem of the file.

    """
    path = folder / FILE
    if not path.exists():
        return Contract()
    try:
        return parse_contract(path.read_text(encoding="utf-8"), path)
    except UnicodeDecodeError:
        raise TargetError(str(path), [Problem("file", "not UTF-8", "save it as UTF-8")]) from None


def parse_contract(text: str, source: Path) -> Contract:
    """Parse a contract.

    Raises:
        TargetError: with every problem of the text.

    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = Problem("file", f"not valid TOML: {error}", "mend the syntax")
        raise TargetError(str(source), [problem]) from None
    problems: list[Problem] = []
    reading = _Reading(problems)
    contract = Contract(
        source,
        reading.tables(raw),
        reading.functions(reading.section(raw, "functions")),
        reading.rows(reading.section(raw, "tables")),
        reading.texts(reading.section(raw, "claims"), "claims"),
    )
    reading.known(raw, _SECTIONS, "")
    if raw.get("version") != 1:
        problems.insert(0, Problem("version", f"{raw.get('version', 'missing')}", "write version = 1"))
    if problems:
        raise TargetError(str(source), problems)
    return contract


@dataclass(frozen=True, slots=True)
class _Reading:
    problems: list[Problem]

    def section(self, raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = raw.get(name, {})
        if isinstance(value, dict):
            return value
        self._problem(name, "not a table", f"write [{name}]")
        return {}

    def known(self, raw: Mapping[str, Any], names: Iterable[str], key: str) -> None:
        for name in sorted(set(raw) - set(names)):
            self._problem(f"{key}.{name}".lstrip("."), "unknown key", nearest(name, names))

    def tables(self, raw: Mapping[str, Any]) -> dict[str, Access]:
        found: dict[str, Access] = {}
        for key, table, lines in self._table_lines(raw):
            if table in found:
                self._problem(key, f"{table} is declared twice", "declare each table once")
            elif self._is_qualified(table, key):
                found[table] = self._access(lines, key)
        return found

    def _table_lines(self, raw: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for table, lines in self.section(raw, "tables").items():
            key = f'tables."{table}"'
            if not isinstance(lines, dict):
                self._problem(key, "not a table", 'write { read = "members" }')
                continue
            self.known(lines, (*_LINES, "row"), key)
            if set(lines) != {"row"}:
                yield key, table, lines
        groups = raw.get("groups", [])
        if not (isinstance(groups, list) and all(isinstance(group, dict) for group in groups)):
            self._problem("groups", "not a list of tables", "write [[groups]]")
            groups = []
        for index, group in enumerate(groups):
            key = f"groups[{index}]"
            self.known(group, (*_LINES, "tables"), key)
            names = group.get("tables")
            if not names or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                self._problem(f"{key}.tables", "no list of names", 'write tables = ["public.a", "public.b"]')
                names = []
            yield from ((key, name, group) for name in names)

    def _access(self, lines: Mapping[str, Any], key: str) -> Access:
        write = self._audiences(lines.get("write", []), f"{key}.write")
        named = {
            sql: self._audiences(lines[word], f"{key}.{word}")
            for word, sql in COMMANDS.items()
            if word in lines
        }
        return {sql: named.get(sql, write if sql in WRITES else frozenset()) for sql in COMMANDS.values()}

    def functions(self, raw: Mapping[str, Any]) -> dict[str, Audiences]:
        found: dict[str, Audiences] = {}
        for name, value in raw.items():
            key = f'functions."{name}"'
            if not self._is_qualified(name, key):
                continue
            found[signature_of(name)] = meant = self._audiences(value, key)
            for audience in meant:
                if audience.who not in FUNCTIONS_ARE_FOR or audience.when:
                    self._problem(
                        key,
                        f'"{audience}" cannot be said of a function',
                        f"one of {', '.join(FUNCTIONS_ARE_FOR)}: only the role decides who may execute it",
                    )
        return found

    def _audiences(self, value: Any, key: str) -> Audiences:
        found = set()
        for text in [value] if isinstance(value, str) else value if isinstance(value, list) else [value]:
            audience = read_audience(text) if isinstance(text, str) else None
            if audience is None:
                word = str(text).partition(" ")[0]
                self._problem(key, f"{text!r} is no audience", nearest(word, WHO, form=_FORM))
            elif audience != NOBODY:
                found.add(audience)
            elif isinstance(value, list) and len(value) > 1:
                self._problem(key, '"nobody" beside others', "leave it out, or the others")
        return frozenset(found)

    def rows(self, raw: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        found = {}
        for table, lines in raw.items():
            if isinstance(lines, dict) and "row" in lines:
                row = self.texts(lines["row"], f'tables."{table}".row')
                found[table] = {column: quoted(text) for column, text in row.items()}
        return found

    def texts(self, raw: Any, key: str) -> dict[str, str]:
        if not isinstance(raw, dict):
            self._problem(key, "not a table", 'write column = "value as text"')
            return {}
        found = {}
        for name, value in raw.items():
            if isinstance(value, dict | list):
                self._problem(
                    f'{key}."{name}"', "not a text", "write the value as text, as SQL would take it"
                )
            found[name] = str(value).lower() if isinstance(value, bool) else str(value)
        return found

    def _is_qualified(self, name: str, key: str) -> bool:
        if "." in name.partition("(")[0]:
            return True
        self._problem(key, f"{name!r} names no schema", f'write "public.{name}"')
        return False

    def _problem(self, key: str, saw: str, want: str) -> None:
        problem = Problem(key, saw, want)
        if problem not in self.problems:
            self.problems.append(problem)


def signature_of(name: str) -> str:
    """Give a function's name in one form, however its types are spaced."""
    return re.sub(r"\s*,\s*", ",", name)


_FORM = "; an opening is written everyone when column = 'value'"


def nearest(name: str, known: Iterable[str], *, form: str = "") -> str:
    """Say which of the known names was perhaps meant."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return (f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}") + form
