"""Whether a policy's expression lets everyone through: every caller, or every signed-in one.

Decided from the parse tree, in three-valued logic in which every column is unknown: what is
certain there is certain for every row. What has no column in it at all can also be asked of the
server, as somebody whom no row knows (``Stranger``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import psycopg
from pglast import Error, ast, enums, parse_sql
from pglast.stream import RawStream
from psycopg.sql import SQL

from shipworthy.probes.postgres.personas import ANONYMOUS, Persona, acting_as, member

ASKING_MS = 2000
ASKING_S = 20.0
"""For all expressions together: functions of a project can sleep."""

Known = bool | None
AND, OR, NOT = enums.BoolExprType.AND_EXPR, enums.BoolExprType.OR_EXPR, enums.BoolExprType.NOT_EXPR
ROLE_FUNCTIONS = {
    enums.SQLValueFunctionOp.SVFOP_CURRENT_ROLE,
    enums.SQLValueFunctionOp.SVFOP_CURRENT_USER,
    enums.SQLValueFunctionOp.SVFOP_USER,
}
CALLER_OPERATORS = {"->>", "->"}


def lets_through(expression: str, role: str, *, not_null: Collection[str] = ()) -> bool:
    """Tell whether an expression is true for every row whenever a caller of this role asks.

    Args:
        expression: as ``pg_get_expr`` prints it.
        role: ``anon`` or ``authenticated``.
        not_null: columns that cannot be null.

    """
    # A policy without an expression lets nothing through.
    return bool(expression) and _Caller(role, frozenset(not_null)).truth(parse_expression(expression)) is True


@cache
def refuses(expression: str, role: str) -> bool:
    """Tell whether an expression is true for no row when this role asks: ``auth.role() = 'service_role'``."""
    return bool(expression) and _Caller(role, frozenset()).truth(parse_expression(expression)) is False


def is_literally_true(expression: str) -> bool:
    """Tell whether nothing but ``true`` stands there."""
    return expression.strip().lower() in {"true", "(true)"}


def compared_with_itself(expression: str) -> tuple[str, ...]:
    """Give every comparison of a column with itself: true whatever the row, and never meant."""
    found = []
    for node in nodes(parse_expression(expression)) if expression else ():
        if isinstance(node, ast.A_Expr) and _operator(node) == "=" and isinstance(node.lexpr, ast.ColumnRef):
            left, right = _text(node.lexpr), _text(node.rexpr)
            if left == right:
                found.append(f"{left} = {right}")
    return tuple(dict.fromkeys(found))


class Stranger:
    """Asks a disposable database whether expressions are true for someone whom no row knows."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], bool] = {}
        self._left_s = ASKING_S

    @property
    def gave_up(self) -> bool:
        """Tell whether time ran out: what was asked afterwards was answered with no."""
        return self._left_s <= 0

    def __call__(self, expression: str, role: str) -> bool:
        """Tell whether an expression is true for a stranger of this role.

        False where it is not, and where it cannot be told: it has columns, or raises, or takes too long.
        """
        if (expression, role) not in self._known:
            asks = expression and not self.gave_up and not _has_columns(parse_expression(expression))
            self._known[expression, role] = bool(asks) and self._ask(expression, role)
        return self._known[expression, role]

    def _ask(self, expression: str, role: str) -> bool:
        persona: Persona = ANONYMOUS if role == "anon" else member("stranger", uuid4())
        query = SQL("select ({}) is true").format(SQL(expression))
        began = time.monotonic()
        try:
            with acting_as(self._connection, persona):
                self._connection.execute(f"set local statement_timeout = {ASKING_MS}")
                row = self._connection.execute(query).fetchone()
        except psycopg.Error:
            row = None
        self._left_s -= time.monotonic() - began
        return bool(row and row[0])


def _has_columns(node: Any) -> bool:
    """Tell whether an expression refers to the row; names inside a subquery are the subquery's own."""
    if isinstance(node, tuple):
        return any(map(_has_columns, node))
    if not isinstance(node, ast.Node) or isinstance(node, ast.SubLink):
        return False
    return isinstance(node, ast.ColumnRef) or any(_has_columns(getattr(node, name)) for name in node)


@cache
def parse_expression(expression: str) -> Any:
    """Parse what stands in a policy; None where the parser is older than the server that printed it."""
    try:
        statements: Any = parse_sql(f"select {expression}")
    except Error:
        return None
    return statements[0].stmt.targetList[0].val


class _Caller:
    """Evaluates expressions for one kind of caller."""

    def __init__(self, role: str, not_null: frozenset[str]) -> None:
        self.role = role
        self.not_null = not_null

    def truth(self, node: Any) -> Known:
        if isinstance(node, ast.BoolExpr):
            return self._logic(node)
        if isinstance(node, ast.NullTest):
            null, asked = self._null(node.arg), node.nulltesttype == enums.NullTestType.IS_NULL
            return None if null is None else null == asked
        if isinstance(node, ast.A_Expr):
            return self._comparison(node)
        if isinstance(node, ast.SubLink):
            return self._sublink(node)
        if isinstance(node, ast.CaseExpr):
            return self._choice(node)
        value = self._value(node)
        return value if isinstance(value, bool) else None

    def _logic(self, node: Any) -> Known:
        parts = [self.truth(part) for part in node.args]
        if node.boolop == NOT:
            return None if parts[0] is None else not parts[0]
        decisive = bool(node.boolop == OR)
        if decisive in parts or (decisive and self._complementary(node.args)):
            return decisive
        return None if None in parts else not decisive

    def _choice(self, node: Any) -> Known:
        ways = {self.truth(way) for way in (*(when.result for when in node.args), node.defresult)}
        return ways.pop() if len(ways) == 1 else None

    def _complementary(self, parts: Collection[Any]) -> bool:
        """Tell whether one arm is the opposite of another: ``x is null or x is not null``."""
        tests = {(_text(part.arg), part.nulltesttype) for part in parts if isinstance(part, ast.NullTest)}
        if len({text for text, _ in tests}) < len(tests):
            return True
        plain = {_text(part) for part in parts}
        negated: Any = (p.args for p in parts if isinstance(p, ast.BoolExpr) and p.boolop == NOT)
        return any(_text(part) in plain for (part,) in negated)

    def _comparison(self, node: Any) -> Known:
        operator = _operator(node)
        if node.kind in {enums.A_Expr_Kind.AEXPR_OP_ANY, enums.A_Expr_Kind.AEXPR_IN} and operator == "=":
            return self._member(node)
        if operator not in {"=", "<=", ">=", "<>"} or node.lexpr is None:
            return None
        left, right = self._value(node.lexpr), self._value(node.rexpr)
        if left is not None and right is not None:
            return _compared(left, operator, right)
        same = _text(node.lexpr) == _text(node.rexpr) and isinstance(node.lexpr, ast.ColumnRef)
        return True if same and operator != "<>" else None

    def _member(self, node: Any) -> Known:
        value, right = self._value(node.lexpr), _uncast(node.rexpr)
        items = right.elements if isinstance(right, ast.A_ArrayExpr) else right
        if value is None or not isinstance(items, tuple):
            return None
        values = [self._value(item) for item in items]
        return True if value in values else None if None in values else False

    def _sublink(self, node: Any) -> Known:
        query: Any = node.subselect
        if node.subLinkType == enums.SubLinkType.EXISTS_SUBLINK:
            bare = not query.fromClause and not query.whereClause and not query.op
            return True if bare else None
        inner = _alone(node)
        return None if inner is None else self.truth(inner)

    def _value(self, node: Any) -> Any:
        """Give the value of a constant, or of what is known of the caller; None where it is unknown."""
        if isinstance(node, ast.TypeCast):
            return self._cast(node)
        if isinstance(node, ast.A_Const):
            return None if node.isnull else _constant(node.val)
        if isinstance(node, ast.SubLink):
            return self._value(_alone(node))
        asks = isinstance(node, ast.SQLValueFunction) and node.op in ROLE_FUNCTIONS
        return self.role if asks or _call(node) == "auth.role" or _claim(node) == "role" else None

    def _cast(self, node: Any) -> Any:
        value = self._value(node.arg)
        booleans = {"t": True, "true": True, "f": False, "false": False}
        is_boolean = _text(node.typeName) in {"bool", "boolean", "pg_catalog.bool"}
        return booleans.get(value, value) if is_boolean else value

    def _null(self, node: Any) -> Known:
        """Tell whether something is null."""
        if isinstance(node, ast.TypeCast):
            return self._null(node.arg)
        if isinstance(node, ast.SubLink) and (inner := _alone(node)) is not None:
            return self._null(inner)
        if isinstance(node, ast.A_Const):
            return bool(node.isnull)
        if _call(node) == "auth.uid" or _claim(node) == "sub":
            return self.role == "anon"
        never = isinstance(node, ast.ColumnRef) and _text(node).strip('"') in self.not_null
        return False if never or _call(node) in {"auth.role", "auth.jwt"} else None


def _alone(node: Any) -> Any:
    """Give what ``(select …)`` without a table gives; None where it reads one."""
    query = node.subselect
    if node.subLinkType != enums.SubLinkType.EXPR_SUBLINK or query.fromClause or query.whereClause:
        return None
    return query.targetList[0].val if query.targetList and len(query.targetList) == 1 else None


def _uncast(node: Any) -> Any:
    return node.arg if isinstance(node, ast.TypeCast) else node


def _call(node: Any) -> str:
    if not isinstance(node, ast.FuncCall):
        return ""
    names: Any = node.funcname
    return ".".join(part.sval for part in names)


def _claim(node: Any) -> str:
    """Name the claim that ``auth.jwt() ->> 'role'`` reads."""
    if not isinstance(node, ast.A_Expr) or _operator(node) not in CALLER_OPERATORS:
        return ""
    left = _alone(node.lexpr) if isinstance(node.lexpr, ast.SubLink) else node.lexpr
    right = _uncast(node.rexpr)
    if _call(left) != "auth.jwt" or not isinstance(right, ast.A_Const):
        return ""
    return str(_constant(right.val))


def _operator(node: Any) -> str:
    return "<>" if node.kind == enums.A_Expr_Kind.AEXPR_DISTINCT else str(node.name[-1].sval)


def _constant(value: Any) -> Any:
    for name in ("boolval", "ival", "sval", "fval"):
        if hasattr(value, name):
            return getattr(value, name)
    return None


def _compared(left: Any, operator: str, right: Any) -> Known:
    if operator in {"=", "<>"}:
        return bool((left == right) == (operator == "="))
    try:
        return bool(left <= right if operator == "<=" else left >= right)
    except TypeError:
        return None


def _text(node: Any) -> str:
    return str(RawStream()(node))


def nodes(node: Any) -> Iterator[Any]:
    """Walk over every node of a tree."""
    if isinstance(node, tuple):
        for item in node:
            yield from nodes(item)
    elif isinstance(node, ast.Node):
        yield node
        for name in node:
            yield from nodes(getattr(node, name))
