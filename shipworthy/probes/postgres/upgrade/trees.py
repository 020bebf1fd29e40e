"""Statements as Postgres' own parser sees them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pglast import ast, enums, parse_sql
from pglast.parser import ParseError

VALUED = {
    enums.ConstrType.CONSTR_DEFAULT,
    enums.ConstrType.CONSTR_IDENTITY,
    enums.ConstrType.CONSTR_GENERATED,
}


@lru_cache(maxsize=4096)
def node_of(sql: str) -> Any:
    """Give the parse tree of one statement; None where the parser does not know it."""
    try:
        found = parse_sql(sql)
    except ParseError:
        return None
    return found[0].stmt if found else None


def commands_of(sql: str) -> Iterator[Any]:
    """Iterate over the parts of an ``alter table``; over none of any other statement."""
    node = node_of(sql)
    if isinstance(node, ast.AlterTableStmt):
        yield from node.cmds or ()


def constraints_of(sql: str) -> Iterator[Any]:
    """Iterate over the constraints that an ``alter table`` adds, those of added columns included."""
    for command in commands_of(sql):
        if isinstance(command.def_, ast.Constraint):
            yield command.def_
        yield from getattr(command.def_, "constraints", None) or ()


def adds_required_column(sql: str) -> bool:
    """Tell whether a statement adds a column that must have a value and gets none: no row lets it pass."""
    return any(
        command.subtype == enums.AlterTableType.AT_AddColumn and _required(command.def_)
        for command in commands_of(sql)
    )


def _required(column: Any) -> bool:
    kinds = {constraint.contype for constraint in column.constraints or ()}
    return enums.ConstrType.CONSTR_NOTNULL in kinds and not kinds & VALUED
