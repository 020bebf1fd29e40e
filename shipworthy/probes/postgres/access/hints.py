"""What an expression says about the values that its columns may have, read off its syntax tree.

Nothing here has to be right: it only says which values are worth trying. The server decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pglast import ast, parse_sql
from pglast.parser import ParseError

from shipworthy.probes.postgres.access.patterns import from_similar

REGEX_OPERATORS = {"~", "~*", "!~", "!~*"}
LIKE_OPERATORS = {"~~", "~~*", "!~~", "!~~*"}
JSON_OPERATORS = {"->", "->>", "#>", "#>>", "?", "?|", "?&"}
REGEX_FUNCTIONS = {
    "regexp_like",
    "regexp_match",
    "regexp_matches",
    "regexp_count",
    "regexp_replace",
}
LENGTH_FUNCTIONS = {
    "length", "char_length", "character_length", "octet_length", "bit_length", "cardinality", "nlevel",
    "array_length", "array_ndims", "jsonb_array_length", "json_array_length", "array_upper", "numnode",
}  # fmt: skip


@dataclass(slots=True)
class Hints:
    """Values that stand beside a column in some expression."""

    literals: list[str] = field(default_factory=list)
    numbers: list[Decimal] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    """What a length is compared with: of a text, an array, a JSON array."""
    regexes: list[str] = field(default_factory=list)
    likes: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Keys of JSON objects."""

    @property
    def said(self) -> bool:
        """Tell whether there is any."""
        return any(getattr(self, name) for name in self.__slots__)

    def add(self, other: Hints) -> None:
        """Take in another's."""
        for name in self.__slots__:
            mine = getattr(self, name)
            mine.extend(value for value in getattr(other, name) if value not in mine)


@lru_cache(maxsize=10_000)
def read_hints(expression: str) -> Mapping[str, Hints]:
    """Give the hints for each column that an expression speaks of; none where it cannot be parsed.

    Columns are named bare, as in the catalogue; a domain's own value is ``value``.
    """
    try:
        tree: Any = parse_sql(f"select {expression}")
    except ParseError:
        return {}
    expressed = tree[0].stmt.targetList[0].val
    found = {name: Hints() for name in columns_in(expressed)}
    for claim in _claims(expressed):
        hints = Hints()
        _collect(claim, hints)
        for name in set(columns_in(claim)) or set(found):
            found[name].add(hints)
    return found


def columns_of(expression: str) -> tuple[str, ...]:
    """Name the columns of an expression, bare."""
    return tuple(read_hints(expression))


def hints_in_body(source: str) -> Hints:
    """Give what the literals in a function's body hint at: each may be a value, a pattern or a length."""
    strings = [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", source)]
    numbers = [Decimal(text) for text in re.findall(r"(?<![\w.'])\d+(?:\.\d+)?(?![\w.'])", source)]
    return Hints(
        literals=strings,
        numbers=numbers,
        lengths=[int(number) for number in numbers if number < LONGEST],
        regexes=[text for text in strings if re.search(r"[\^$\[\\]", text)],
        likes=[text for text in strings if "%" in text],
        keys=[text for text in strings if re.fullmatch(r"\w+", text)],
    )


def hints_about(column: str, source: str) -> Hints:
    """Give what a trigger's body says beside ``new.column``."""
    hints = Hints()
    for part in re.split(r";|\bthen\b|\bloop\b", source, flags=re.IGNORECASE):
        if re.search(_new(column), part, re.IGNORECASE):
            hints.add(hints_in_body(part))
            if "array_elements" in part:
                hints.lengths.append(1)
                hints.keys.extend(re.findall(r"->>?\s*'([^']+)'", source))
    return hints


def keys_read(column: str, source: str) -> list[str]:
    """Name the keys that a trigger's body reads from the document ``new.column``."""
    return re.findall(_new(column) + r"\s*(?:->>?|\?)\s*'([^']+)'", source, re.IGNORECASE)


def _new(column: str) -> str:
    return rf'\bnew\."?{re.escape(column)}\b"?'


LONGEST = 20_000
"""Longer texts are not tried."""


def columns_in(node: Any) -> tuple[str, ...]:
    """Name the columns that a syntax tree refers to, in the order of their first mention."""
    ends = [part.fields[-1] for part in nodes_of(node) if _is(part, ast.ColumnRef)]
    return tuple(dict.fromkeys(end.sval for end in ends if _is(end, ast.String)))


@lru_cache(maxsize=10_000)
def functions_in(expression: str) -> tuple[str, ...]:
    """Name the functions that an expression calls and that are not Postgres' own, as it writes them."""
    try:
        tree: Any = parse_sql(f"select {expression}")
    except ParseError:
        return ()
    calls = (part.funcname for part in nodes_of(tree) if _is(part, ast.FuncCall))
    names = (".".join(part.sval for part in call) for call in calls)
    return tuple(dict.fromkeys(name for name in names if "." in name and not name.startswith("pg_catalog.")))


def _claims(node: Any) -> Iterator[Any]:
    """Split at AND, OR, NOT: what remains speaks of few columns at a time."""
    if _is(node, ast.BoolExpr):
        for part in node.args:
            yield from _claims(part)
    else:
        yield node


def _collect(node: Any, hints: Hints, context: str = "") -> None:
    if _is(node, ast.A_Const):
        _take(node, hints, context)
        return
    if _is(node, ast.A_Expr, ast.FuncCall):
        context = _context(node) or context
    for child in _children(node):
        _collect(child, hints, context)


def _context(node: Any) -> str:
    """Tell what constants below this node are: ``regex``, ``like``, ``key``, ``length``; empty: as above."""
    name = (node.name if _is(node, ast.A_Expr) else node.funcname)[-1].sval
    if _is(node, ast.FuncCall):
        return "similar" if name == "similar_to_escape" else "regex" if name in REGEX_FUNCTIONS else ""
    for operators, context in ((REGEX_OPERATORS, "regex"), (LIKE_OPERATORS, "like"), (JSON_OPERATORS, "key")):
        if name in operators:
            return context
    calls = {part.funcname[-1].sval for part in nodes_of(node) if _is(part, ast.FuncCall)}
    return "length" if calls & LENGTH_FUNCTIONS else ""


def _take(constant: Any, hints: Hints, context: str) -> None:
    value = constant.val
    if _is(value, ast.Integer, ast.Float):
        number = Decimal(value.ival or 0 if _is(value, ast.Integer) else value.fval)
        hints.numbers.append(number)
        if context == "length" and number == int(number) and abs(number) <= LONGEST:
            hints.lengths.append(int(number))
    elif _is(value, ast.String):
        text = value.sval
        if context == "similar":
            hints.regexes.append(from_similar(text))
        places = {"regex": hints.regexes, "like": hints.likes, "key": hints.keys}
        places.get(context, hints.literals).append(text)
        if text.startswith("{") and text.endswith("}") and context in {"", "key"}:
            elements = [part.strip().strip('"') for part in text[1:-1].split(",")]
            (hints.keys if context else hints.literals).extend(elements)


def _is(node: Any, *kinds: type) -> bool:
    """Tell a node's kind, without mistaking what the kind's declaration leaves optional for missing."""
    return isinstance(node, kinds)


def nodes_of(node: Any) -> Iterator[Any]:
    """Iterate over a syntax tree, from above; however deep it is."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(tuple(_children(node)))


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, tuple):
        yield from node
    elif _is(node, ast.Node):
        members = (getattr(node, name) for name in node)
        yield from (member for member in members if isinstance(member, ast.Node | tuple))
