"""What the text of policies, views and functions refers to: read from its tokens, not from its characters.

Postgres records no dependences of what stands in a function's body, so whoever wants to know
whom it asks about has to read it. The server's own scanner does: what stands in a comment is
nobody's call. It reads PL/pgSQL as well, which has the same tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pglast import Error, scan

from shipworthy.probes.postgres.exposure import Function

CALLER_FUNCTIONS = frozenset(
    {
        *(("auth", name) for name in ("uid", "jwt", "role", "email")),
        *((schema, "current_setting") for schema in ("", "pg_catalog")),
    }
)
CALLER_WORDS = frozenset({"current_user", "session_user", "current_role"})
EDITABLE = ("user_metadata", "raw_user_meta_data", "user_meta_data")
"""What users write into their own account with the public key: ``auth.updateUser({data})``."""
COUNTS = re.compile(r"\bset (\w+) = (coalesce \( )?(\w+ \. )?\1( , 0 \))? \+ \d+ (where|from|;|$)")
REQUESTS = frozenset({"http", "http_get", "http_post", "http_put", "http_patch", "http_delete", "http_head"})
"""Functions of the extensions ``http`` and ``pg_net``."""
WRITES = frozenset({"insert", "update", "delete", "truncate", "merge"})


@dataclass(frozen=True, slots=True)
class Text:
    """The tokens of one expression or body: names in lower case unless quoted, strings without quotes."""

    words: tuple[str, ...]
    strings: frozenset[str]
    calls: frozenset[tuple[str, str]]
    """Schema (empty where none is named) and name of everything that is called."""

    @property
    def asks_for_caller(self) -> bool:
        """It asks who is calling: by the token, by a setting of the request, or by the role."""
        return not (self.calls.isdisjoint(CALLER_FUNCTIONS) and CALLER_WORDS.isdisjoint(self.words))

    @property
    def editable_claims(self) -> tuple[str, ...]:
        """What it reads that the caller wrote there: ``user_metadata`` and its column in ``auth.users``."""
        named = {*self.words, *(part for string in self.strings for part in _path(string))}
        return tuple(claim for claim in EDITABLE if claim in named)

    @property
    def writes(self) -> bool:
        """It changes rows of some table."""
        return not WRITES.isdisjoint(self.words)

    @property
    def calls_out(self) -> bool:
        """It sends a request to another service, with whatever key it has."""
        return any(schema in {"", "extensions", "net"} and name in REQUESTS for schema, name in self.calls)

    @property
    def only_counts(self) -> bool:
        """Its one write adds to a number in a row: a counter of views is for everyone to count up."""
        writes = [word for word in self.words if word in WRITES]
        return writes == ["update"] and bool(COUNTS.search(" ".join(self.words)))


@cache
def read_text(sql: str) -> Text:
    """Read an expression or a body; what the scanner refuses has no tokens."""
    words = list(_tokens(sql))
    names = [value for _, value in words]
    return Text(
        tuple(value for kind, value in words if kind != "string"),
        frozenset(value for kind, value in words if kind == "string"),
        frozenset(_calls(words, names)),
    )


def reached_functions(text: Text, functions: Mapping[str, tuple[Function, ...]]) -> tuple[Function, ...]:
    """Give the project's functions that a text calls, and those that these call.

    Args:
        text: where to start.
        functions: by bare name; see ``by_name``.

    """
    found: dict[str, Function] = {}
    open_ = [text]
    while open_:
        for function in _called(open_.pop(), functions):
            if function.signature not in found:
                found[function.signature] = function
                open_.append(read_text(function.source))
    return tuple(found.values())


def by_name(functions: Iterable[Function]) -> dict[str, tuple[Function, ...]]:
    """Index functions by their name without its schema."""
    index: dict[str, tuple[Function, ...]] = {}
    for function in functions:
        index[function.bare_name] = (*index.get(function.bare_name, ()), function)
    return index


def _called(text: Text, functions: Mapping[str, tuple[Function, ...]]) -> Iterator[Function]:
    for schema, name in text.calls:
        yield from (f for f in functions.get(name, ()) if schema in {"", f.schema})


def _tokens(sql: str) -> Iterator[tuple[str, str]]:
    try:
        found = scan(sql)
    except Error:
        return
    for token in found:
        value = sql[token.start : token.end + 1]
        if token.name in {"SCONST", "USCONST", "XCONST", "BCONST"}:
            yield "string", _unquoted(value)
        elif value.startswith('"'):
            yield "name", value[1:-1].replace('""', '"')
        elif token.name not in {"SQL_COMMENT", "C_COMMENT"}:
            yield "name" if value[:1].isalpha() or value[:1] == "_" else "sign", value.lower()


def _unquoted(value: str) -> str:
    if value.startswith("$"):
        return value.split("$", 2)[2].rsplit("$", 2)[0]
    return value[value.index("'") + 1 : -1] if "'" in value else value


def _calls(words: list[tuple[str, str]], names: list[str]) -> Iterator[tuple[str, str]]:
    for place, (kind, value) in enumerate(words):
        if kind == "name" and names[place + 1 : place + 2] == ["("]:
            qualified = names[max(place - 1, 0)] == "." and place >= 2
            yield (names[place - 2] if qualified else "", value)


def _path(string: str) -> list[str]:
    """Take apart what ``#>>`` takes: ``{user_metadata,role}``."""
    return [part.strip(' "') for part in string.strip("{}").split(",")]
