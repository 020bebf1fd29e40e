"""A file of SQL as the statements that the Supabase CLI sends and records.

The CLI cuts a file by rules of its own, and what it cuts is what ends in ``schema_migrations``; so
these are its rules (3.x), and not the parser's: comments stay with the statement behind them, a
``;`` in a string, a dollar quote, a comment, brackets or ``begin atomic … end`` does not cut, and
the first closing bracket ends all brackets that are open.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pglast import ast, parse_sql
from pglast.parser import ParseError

_NAME = r"[0-9A-Za-z_$\x80-\U0010ffff]"
_STRING = r"'(?:[^']|'')*(?:'|\Z)"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*(?:'|\Z)"
_TOKEN = re.compile(
    rf"""
      (?P<escaped>(?<!{_NAME})[eE]{_ESCAPED}(?:[ \t\f\v]*[\n\r]\s*{_ESCAPED})*)
    | (?P<string>{_STRING})
    | (?P<quoted>"(?:[^"]|"")*(?:"|\Z))
    | (?P<line>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<dollar>(?<!{_NAME})\$(?:(?!\$){_NAME})*\$)
    | (?P<backslash>\\.)
    | (?P<atomic>(?<!{_NAME})begin\s+atomic)
    | (?P<end>(?<!{_NAME})end(?!{_NAME}))
    | (?P<mark>[();])
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_NESTING = re.compile(r"/\*|\*/")
_BLANK = re.compile(r"(?:\s|\ufeff)+")

_ALONE = re.compile(
    r"create\s+(?:unique\s+)?index\s+concurrently\b|drop\s+index\s+concurrently\b"
    r"|reindex[\s(].*\sconcurrently\b|vacuum\b|alter\s+system\b|cluster\b",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL = re.compile(
    r"(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction)(?:\s|$)"
    r"|rollback(?:\s+(?:work|transaction))?(?:\s*$|\s+(?!to\b))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a file, with the comments before it."""

    sql: str
    line: int
    """The line of the file, from 1, on which its own text starts, behind its comments."""
    begins: int
    """Where in ``sql`` its own text starts; its length where it is nothing but comments."""

    @property
    def text(self) -> str:
        """The statement without the comments before it."""
        return self.sql[self.begins :]

    @property
    def alone(self) -> bool:
        """Whether the server refuses it inside a transaction, so that the CLI sends it by itself."""
        return _ALONE.match(self.text) is not None

    @property
    def control(self) -> bool:
        """Whether it begins or ends a transaction, so that the CLI leaves its whole file to itself."""
        return _CONTROL.match(self.text) is not None

    @property
    def node(self) -> ast.Node | None:
        """Its parse tree; None where our parser does not know it and the server must judge."""
        return _parsed(self.sql)

    def line_at(self, position: int) -> int:
        """Give the line of the file for a position in ``sql``, from 1, as the server reports it."""
        before = self.sql.count("\n", 0, max(0, position - 1))
        return self.line - self.sql.count("\n", 0, self.begins) + before


def split_statements(sql: str) -> list[Statement]:
    """Split a file as the Supabase CLI does; anything can be split, only the server knows what is right."""
    lines = [match.start() for match in re.finditer("\n", sql)]
    return [_statement(sql, start, end, lines) for start, end in _cuts(sql) if _trimmed(sql[start:end])]


def fits_transaction(statements: list[Statement]) -> bool:
    """Tell whether all of a file can run in one transaction."""
    return not any(statement.alone or statement.control for statement in statements)


def _statement(sql: str, start: int, end: int, lines: list[int]) -> Statement:
    text = _trimmed(sql[start:end])
    offset = sql.index(text, start)
    begins = behind_comments(text)
    at = begins if begins < len(text) else 0
    return Statement(text, 1 + bisect_right(lines, offset + at - 1), begins)


def behind_comments(sql: str) -> int:
    """Give the position of the first character that is neither blank nor comment."""
    position = 0
    while True:
        if blank := _BLANK.match(sql, position):
            position = blank.end()
        elif sql.startswith("--", position):
            newline = re.compile(r"[\n\r]").search(sql, position)
            position = newline.end() if newline else len(sql)
        elif sql.startswith("/*", position):
            position = _comment_end(sql, position)
        else:
            return position


def _trimmed(text: str) -> str:
    return text.rstrip(";").strip().strip("\ufeff")


def _cuts(sql: str) -> Iterator[tuple[int, int]]:
    """Give where each piece starts and ends, its ``;`` included."""
    start = position = 0
    brackets = atomic = False
    clause = 0
    while match := _TOKEN.search(sql, position):
        at, position, kind = match.start(), _token_end(sql, match), match.lastgroup
        if kind == "atomic" and not brackets:
            atomic, clause = True, position
        elif kind == "end" and atomic and behind_comments(sql[clause:at]) == at - clause:
            atomic = False
        elif kind == "mark":
            mark = match[0]
            if mark == ";" and atomic:
                clause = position
            elif mark == ";" and not brackets:
                yield start, position
                start = position
            elif not atomic:
                brackets = mark == "(" or (brackets and mark == ";")
    if start < len(sql):
        yield start, len(sql)


def _token_end(sql: str, match: re.Match[str]) -> int:
    if match.lastgroup == "block":
        return _comment_end(sql, match.start())
    if match.lastgroup == "dollar":
        closing = sql.find(match[0], match.end())
        return closing + len(match[0]) if closing >= 0 else len(sql)
    return match.end()


def _comment_end(sql: str, start: int) -> int:
    """Give the end of a block comment; they nest."""
    depth = 0
    for match in _NESTING.finditer(sql, start):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    return len(sql)


@lru_cache(maxsize=4096)
def _parsed(sql: str) -> ast.Node | None:
    try:
        found = parse_sql(sql)
    except ParseError:
        return None
    return found[0].stmt if len(found) == 1 else None
