"""Names of permissions that policies hand to helpers, and that no row of the worlds can hold.

``has_permission(group_id, 'data.read')`` may look into a table of permissions, a token or a setting. Where
the text is neither compared with a column nor stands in a row, nobody who acts has that permission, and
that they reach nothing shows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pglast import ast, parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

from shipworthy.probes.postgres.access.comparisons import Comparisons
from shipworthy.probes.postgres.access.model import Row
from shipworthy.probes.postgres.access.schema import Schema

_OWN = frozenset({"auth", "storage", "pg_catalog", "extensions"})
"""Schemas of functions that are no helpers of the project's."""
_WORD = re.compile(r"[\w.:-]+")


def opaque_permissions(schema: Schema, found: Comparisons, rows: Iterable[Row]) -> dict[str, str]:
    """Give each relation of which a policy for reading asks for such a permission, with its name."""
    known = {comparison.value for comparison in found.compared}
    known |= {value for row in rows for value in row.values.values() if value}
    opaque: dict[str, str] = {}
    for table in schema.relations.values():
        for policy in table.policies:
            named = _named(policy.using) if policy.command in {"select", "all"} else ()
            for name in named:
                if name not in known:
                    opaque.setdefault(table.name, name)
    return opaque


def _named(condition: str | None) -> Iterator[str]:
    """Give the words that a condition hands to functions of the project's."""
    try:
        tree: Any = parse_sql(f"select {condition or 'true'}")
    except (ParseError, RecursionError):
        return
    calls = _Calls()
    calls(tree)
    for text in calls.texts:
        yield from _WORD.findall(text)


class _Calls(Visitor):
    """Collects the texts that stand as arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def visit_FuncCall(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's name
        """Take the texts of one call."""
        if len(node.funcname) > 1 and node.funcname[0].sval in _OWN:
            return
        for argument in node.args or ():
            constant = argument.arg if isinstance(argument, ast.TypeCast) else argument
            if isinstance(constant, ast.A_Const) and isinstance(constant.val, ast.String):
                self.texts.append(str(constant.val.sval))
