"""A file of SQL as statements, each with its line and its parse tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pglast import ast, parse_sql, split
from pglast.parser import ParseError


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and the line of its file (from 1) that it starts on."""

    sql: str
    line: int
    node: ast.Node | None = None
    """Its parse tree; None where our parser does not know it and the server must judge."""


def split_statements(sql: str) -> list[Statement]:
    """Split a file into its statements.

    A file that our parser refuses is still split, as well as may be: only the server knows.
    """
    try:
        found = parse_sql(sql)
    except ParseError:
        return list(_split_roughly(sql))
    statements = []
    for raw in found:
        start = raw.stmt_location or 0
        text = sql[start : start + raw.stmt_len if raw.stmt_len else len(sql)].strip()
        line = 1 + sql.count("\n", 0, sql.index(text, start))
        statements.append(Statement(text, line, raw.stmt))
    return statements


def fits_transaction(statements: list[Statement]) -> bool:
    """Tell whether all of a file can run in one transaction; where not, each statement has its own."""
    return not any(_wants_no_transaction(statement.node) for statement in statements)


def _wants_no_transaction(node: ast.Node | None) -> bool:
    alone = (
        *(ast.VacuumStmt, ast.CreatedbStmt, ast.DropdbStmt, ast.AlterSystemStmt),
        *(ast.CreateTableSpaceStmt, ast.DropTableSpaceStmt, ast.TransactionStmt),
    )
    if isinstance(node, ast.ReindexStmt):
        return any(option.defname == "concurrently" for option in node.params or ())
    concurrent = isinstance(node, (ast.IndexStmt, ast.DropStmt)) and bool(node.concurrent)
    return concurrent or isinstance(node, alone)


def _split_roughly(sql: str) -> Iterator[Statement]:
    try:
        parts = split(sql, with_parser=False, only_slices=True)
    except ParseError:
        parts = (slice(0, len(sql)),)
    for part in parts:
        yield Statement(sql[part], 1 + sql.count("\n", 0, part.start))
