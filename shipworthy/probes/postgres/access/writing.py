"""Statements about made rows, written out: names come quoted from the server, values become literals."""

# ruff: noqa: S608  every part is quoted by the server or by literal()
from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import NAMESPACE_OID, uuid5

from shipworthy.probes.postgres.access.schema import Column, Table

Values = Mapping[str, str | None]
HIGH = {"int2": "32001", "int4": "2000000001", "int8": "9000000000000001", "numeric": "32001"}
"""Numbers that no made row has."""
TEXTS = frozenset({"text", "varchar", "citext", "bpchar", "name"})
KEY = "tableoid::text || ctid::text"
"""Names one row version: see ``Row.key``."""


def literal(text: str | None) -> str:
    """Write a text as a literal; with ``standard_conforming_strings``."""
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def value(column: Column, text: str | None) -> str:
    """Write a column's value as a literal of its type."""
    return f"{literal(text)}::{column.type.text}"


def inserts(table: Table, values: Values) -> str:
    """Write an insert of one row."""
    columns = [table.by_name[name] for name in values]
    names = ", ".join(column.name for column in columns)
    row = ", ".join(value(column, values[column.name]) for column in columns)
    return f"insert into {table.name} ({names}) overriding system value values ({row})"


def upserts(table: Table, values: Values, key: Iterable[str], changes: Values) -> str:
    """Write an insert that updates the row that has the key already."""
    assignments = _assignments(table, changes)
    return f"{inserts(table, values)} on conflict ({', '.join(key)}) do update set {assignments}"


def updates(table: Table, changes: Values, where: str = "") -> str:
    """Write an update; of every row that policies let through where there is no condition."""
    return f"update {table.name} set {_assignments(table, changes)}{_where(where)}"


def deletes(table: Table, where: str = "") -> str:
    """Write a delete; of every row that policies let through where there is no condition."""
    return f"delete from {table.name}{_where(where)}"


def keys_of(source: str, where: str = "") -> str:
    """Write a query for the keys of rows, as one array."""
    return f"select array_agg({KEY}) from {source}{_where(where)}"


def texts_of(table: Table, columns: Iterable[str] = ()) -> str:
    """Write a query for rows as texts, as one array: whole ones or those columns of them."""
    row = f"row({', '.join(columns)})" if columns else "x"
    return f"select array_agg({row}::text) from {table.name} x"


def having(table: Table, values: Values) -> str:
    """Write the condition that columns have these values."""
    return " and ".join(
        f"{name} is null" if text is None else f"{name} = {value(table.by_name[name], text)}"
        for name, text in values.items()
    )


def none_of(keys: Iterable[str]) -> str:
    """Write the condition that a row is none of these."""
    listed = ", ".join(literal(key) for key in sorted(keys))
    return f"{KEY} <> all (array[{listed}]::text[])"


def fresh_values(table: Table, values: Values, kept: frozenset[str]) -> dict[str, str | None]:
    """Give a row's values with others where only one row may have them; ``kept`` columns stay.

    A value that no other can be made of stays too: the server refuses the row then, but only after
    its policies have let it through.
    """
    fresh = {name: text for name, text in values.items() if not table.by_name[name].generated}
    for key in table.keys:
        for name in reversed(key.columns):
            other = _other(table, table.by_name[name], values.get(name))
            routing = name in (table.partition_key or "")
            if name in fresh and name not in kept and other is not None and not routing:
                fresh[name] = other
                break
    return fresh


def _other(table: Table, column: Column, text: str | None) -> str | None:
    if text is None or column.type.domains:
        return None  # what a domain refuses is refused before any policy is asked
    unique = uuid5(NAMESPACE_OID, f"{table.name} {column.name} {text}")
    if column.type.base == "uuid":
        return str(unique)
    if column.type.base in TEXTS:
        return f"{unique.hex[:8]}{text}"
    return HIGH.get(column.type.base)


def _assignments(table: Table, changes: Values) -> str:
    return ", ".join(f"{name} = {value(table.by_name[name], text)}" for name, text in changes.items())


def _where(condition: str) -> str:
    return f" where {condition}" if condition else ""
