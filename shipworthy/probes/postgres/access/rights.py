"""What policies ask of rows that are made up, or that nobody could make up.

``has_permission(group_id, 'data.read')`` may look into a table of permissions, a token or a setting. Where
the text is neither compared with a column nor stands in a row, nobody who acts has that permission, and
that they reach nothing shows nothing. The same holds for tables of roles, permissions and settings that a
helper looks into: what their rows must be like, only the project knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pglast import ast, parse_sql
from pglast.parser import ParseError

from shipworthy.probes.postgres.access.comparisons import Comparisons
from shipworthy.probes.postgres.access.hints import nodes_of
from shipworthy.probes.postgres.access.model import Row
from shipworthy.probes.postgres.access.ownership import Ownership
from shipworthy.probes.postgres.access.schema import Schema
from shipworthy.probes.postgres.bodies import by_name, reached_functions, read_text
from shipworthy.probes.postgres.exposure import Function

_OWN = frozenset({"auth", "storage", "pg_catalog", "extensions"})
"""Schemas of functions that are no helpers of the project's; one without a schema is Postgres' own."""
_WORD = re.compile(r"[\w.:-]+")


def opaque_rights(
    schema: Schema,
    found: Comparisons,
    ownership: Ownership,
    functions: Iterable[Function],
    rows: Iterable[Row],
) -> dict[str, str]:
    """Give each relation whose policies for reading ask for such a thing, with what it is, in words."""
    known = {comparison.value for comparison in found.compared}
    known |= {value for row in rows for value in row.values.values() if value}
    of_people = {*ownership.memberships, *ownership.standings, *ownership.roots, *ownership.user_columns}
    others = {name.rpartition(".")[2].strip('"'): name for name in schema.project if name not in of_people}
    helpers = by_name(functions)
    opaque: dict[str, str] = {}
    for table in schema.relations.values():
        above = {table.name, *(reference.target for reference in table.references)}
        for policy in table.policies:
            condition = (policy.using or "") if policy.command in {"select", "all"} else ""
            for name in _named(condition):
                if name not in known:
                    opaque.setdefault(table.name, f"the permission {name!r}, which stands in no row")
            for word in _mentioned(condition, helpers):
                if others.get(word, table.name) not in above:
                    opaque.setdefault(table.name, f"{others[word]}, whose rows are made up")
    return opaque


def _mentioned(condition: str, helpers: Mapping[str, tuple[Function, ...]]) -> Iterator[str]:
    """Give the words of the helpers that a condition calls, and of those that they call."""
    for function in reached_functions(read_text(condition), helpers):
        yield from read_text(function.source).words


def _named(condition: str) -> Iterator[str]:
    """Give the words that a condition hands to functions of the project's."""
    try:
        tree: Any = parse_sql(f"select {condition or 'true'}")
    except (ParseError, RecursionError):
        return
    for call in nodes_of(tree):
        if isinstance(call, ast.FuncCall) and _is_helper([part.sval for part in call.funcname or ()]):
            for text in _texts(call.args or ()):
                yield from _WORD.findall(text)


def _is_helper(name: list[str]) -> bool:
    return len(name) > 1 and name[0] not in _OWN


def _texts(arguments: Iterable[Any]) -> Iterator[str]:
    for argument in arguments:
        constant = argument.arg if isinstance(argument, ast.TypeCast) else argument
        if isinstance(constant, ast.A_Const) and isinstance(constant.val, ast.String):
            yield str(constant.val.sval)
