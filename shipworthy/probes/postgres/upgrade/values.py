"""Expressions that make the values of many rows out of one; ``g`` is the number of the row."""

from __future__ import annotations

from shipworthy.probes.postgres.access.schema import Column, Type

VECTORS = frozenset({"vector", "halfvec", "sparsevec"})
TEXTS = frozenset({"text", "varchar", "citext", "bpchar"})
NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})
TIMES = frozenset({"timestamp", "timestamptz"})

WAYS = (
    "({same})::text || '-' || g",
    "'x' || g || ({same})::text",
    "({same})::text || g",
    "md5(g::text)",
    "encode(sha256(g::text::bytea), 'hex')",
    "lpad(g::text, greatest(length(({same})::text), 1), '0')",
    "overlay(({same})::text placing lpad(g::text, 6, '0') from 1 for 6)",
)
"""Ways to make texts distinct; the first one that a table's checks let through is taken."""

_FITNESS = ("uuid", *sorted(NUMBERS), *sorted(TEXTS), *sorted(TIMES), "date", "inet", "bytea", "jsonb")
_COUNTED = ("nextval(", "gen_random_uuid(", "uuid_generate_v", "uuidv")
_PLAIN = {
    "bool": "true",
    "uuid": "md5(g::text)::uuid",
    "date": "current_date",
    "json": "'{}'",
    "jsonb": "'{}'",
    **dict.fromkeys(NUMBERS, "g % 30000"),
    **dict.fromkeys(TEXTS, "'v' || g"),
    **dict.fromkeys(TIMES, "now()"),
}
"""A value for a column that was null in the first row."""


def counted(column: Column) -> bool:
    """Tell whether the server itself gives every row another value."""
    return bool(column.identity) or any(word in (column.default or "") for word in _COUNTED)


def fitness(kind: Type) -> int | None:
    """Rank a type by how well its values can be made distinct: least is best; None: not at all."""
    return _FITNESS.index(kind.base) if kind.base in _FITNESS and kind.kind == "scalar" else None


def distinct(kind: Type, same: str, way: int) -> str:
    """Give an expression with another value for every row.

    Args:
        kind: that ``fitness`` ranked.
        same: an expression with the value of the first row.
        way: which of ``WAYS`` is taken for texts.

    """
    if kind.base in TEXTS:
        text = WAYS[way].format(same=same)
        return f"left({text}, {kind.sizes[0]})::{kind.text}" if kind.sizes else f"({text})::{kind.text}"
    if kind.base in NUMBERS or kind.base in {"date", "inet"}:
        return f"({same} + g)::{kind.text}"
    if kind.base in TIMES:
        return f"({same} + g * interval '1 second')::{kind.text}"
    made = {"uuid": "md5('{same}' || g)::uuid", "bytea": "sha256(g::text::bytea)"}
    return made.get(kind.base, "jsonb_build_object('g', g)").format(same=same.replace("'", "")) + (
        f"::{kind.text}"
    )


def ordered(kind: Type, same: str) -> str:
    """Give an expression that is never null and, where the type allows, never the same twice."""
    present = f"coalesce({same}, ({_PLAIN[kind.base]})::{kind.text})" if kind.base in _PLAIN else same
    loose = kind.base in TEXTS | TIMES and not kind.sizes and kind.kind == "scalar"
    return distinct(kind, present, 0) if loose else present
