"""What attempts at one relation need to know: its rows, the columns to write, who has which privilege."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg
from psycopg.rows import dict_row

from shipworthy.probes.postgres.access.belonging import Belonging
from shipworthy.probes.postgres.access.model import Row
from shipworthy.probes.postgres.access.schema import (
    FOREIGN,
    MATERIALIZED,
    PLATFORM_TABLES,
    VIEW,
    Schema,
    Table,
)
from shipworthy.probes.postgres.access.writing import keys_of

COLUMNS = (
    "array(select quote_ident(a.attname) from pg_catalog.pg_attribute a where a.attrelid = c.oid"
    " and a.attnum > 0 and not a.attisdropped"
    " and pg_catalog.has_column_privilege(r.role, c.oid, a.attnum, '{what}'))"
)
OBJECTS = "storage.objects"
UPDATABLE, INSERTABLE, DELETABLE = 4, 8, 16
"""What ``pg_relation_is_updatable`` says."""
LONGEST_VIEW = 1000
"""So many rows of a view are read to learn what it shows."""


@dataclass(frozen=True, slots=True)
class Privileges:
    """What one role may do to a relation."""

    whole: bool
    """It may read every column, the system's too."""
    select: frozenset[str]
    insert: frozenset[str]
    update: frozenset[str]
    delete: bool
    truncate: bool

    def any(self, command: str) -> bool:
        """Tell whether the command is not refused outright."""
        if command == "upsert":
            return bool(self.insert and self.update)
        return bool(getattr(self, {"move": "update", "raise": "update"}.get(command, command)))


@dataclass(frozen=True, slots=True)
class Subject:
    """One exposed relation."""

    table: Table
    kind: str
    """``table``, ``view``, ``materialized view`` or ``foreign table``."""
    rows: tuple[Row, ...]
    """The made rows that statements on it are about; of a view, those of the tables beneath it."""
    shown: tuple[Row, ...]
    """Of a view: one row of it for each world, with its columns' values."""
    visible: frozenset[str]
    """The keys of the rows that its owner sees through it."""
    beneath: tuple[str, ...]
    """The tables whose rows a write changes."""
    writable: int
    columns: tuple[str, ...]
    """Those that can be written."""
    privileges: Mapping[str, Privileges]
    """By role."""

    @property
    def is_platforms(self) -> bool:
        """It is the platform's, which lets callers do less than the database would."""
        return self.table.name in PLATFORM_TABLES

    @property
    def is_view(self) -> bool:
        """It shows rows of others."""
        return self.kind in {VIEW, MATERIALIZED}

    @property
    def examples(self) -> tuple[Row, ...]:
        """Rows with the values that a write to this relation needs."""
        return self.shown if self.is_view else self.rows

    @property
    def everything(self) -> str:
        """A query for the keys of all rows that a write can change."""
        if len(self.beneath) == 1:
            return keys_of(self.beneath[0])
        parts = " union all ".join(f"select tableoid, ctid from {table}" for table in self.beneath)  # noqa: S608  quoted by the server
        return keys_of(f"({parts}) x")


def is_served(table: Table) -> bool:
    """Tell whether the Data API serves a relation of the project's, or the Storage API asks its policies."""
    if table.name in PLATFORM_TABLES:
        return table.name == OBJECTS and bool(table.policies)
    return table.exposed


def read_subjects(
    connection: psycopg.Connection[Any], schema: Schema, belonging: Belonging, roles: Iterable[str]
) -> Iterator[Subject]:
    """Read what there is to know about every relation that a caller of the platform can get at."""
    exposed = {table.oid: table for table in schema.relations.values() if is_served(table)}
    values = {"relations": list(exposed), "roles": list(roles)}
    found = {name: _read(connection, query, values) for name, query in _queries().items()}
    privileges: dict[int, dict[str, Privileges]] = {}
    for row in found["privileges"]:
        privileges.setdefault(row["relation"], {})[row["role"]] = _privileges(exposed[row["relation"]], row)
    views = {row["relation"]: row for row in found["views"]}
    by_number = {table.oid: table for table in schema.relations.values()}
    for number, table in exposed.items():
        if number in views:
            yield _view(connection, table, views[number], by_number, belonging, privileges[number])
        else:
            yield _table(table, belonging, privileges[number])


def _table(table: Table, belonging: Belonging, privileges: Mapping[str, Privileges]) -> Subject:
    foreign, rows = table.kind == FOREIGN, belonging.rows(table)
    return Subject(
        table,
        FOREIGN if foreign else "table",
        rows,
        (),
        frozenset(row.key for row in rows),
        (table.name,),
        0 if foreign else UPDATABLE | INSERTABLE | DELETABLE,
        tuple(column.name for column in table.columns if not column.generated),
        privileges,
    )


def _view(
    connection: psycopg.Connection[Any],
    table: Table,
    facts: Mapping[str, Any],
    by_number: Mapping[int, Table],
    belonging: Belonging,
    privileges: Mapping[str, Privileges],
) -> Subject:
    beneath = [by_number[number] for number in facts["tables"] or () if number in by_number]
    texts = _contents(connection, table)
    shown = (_row_of_view(table, values, belonging) for values in texts)
    return Subject(
        table,
        table.kind,
        tuple({row.key: row for base in beneath for row in belonging.rows(base)}.values()),
        tuple({row.world: row for row in shown if row}.values()),
        belonging.mentioned(text for values in texts for text in values if text),
        tuple(base.name for base in beneath),
        facts["writable"] if table.kind == VIEW and beneath else 0,
        tuple(facts["columns"]),
        privileges,
    )


def _contents(connection: psycopg.Connection[Any], view: Table) -> list[list[str | None]]:
    """Read a view as its owner; nothing where it cannot be read."""
    columns = ", ".join(f"{column.name}::text" for column in view.columns)
    query = f"select array[{columns}]::text[] from {view.name} limit {LONGEST_VIEW}"  # noqa: S608  quoted by the server
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set local statement_timeout = '5s'")
            return [values for (values,) in connection.execute(query.encode())]
    except psycopg.Error:
        return []


def _row_of_view(view: Table, values: list[str | None], belonging: Belonging) -> Row | None:
    known = belonging.by_key
    mentioned = [known[key] for key in belonging.mentioned(value for value in values if value)]
    worlds = {row.world for row in mentioned if row.world}
    if len(worlds) != 1:
        return None
    persons = [row.person for row in mentioned if row.person]
    named = dict(zip((column.name for column in view.columns), values, strict=True))
    # The row itself is the one that most of the texts stand in; others are what it refers to.
    texts = {value for value in values if value}
    itself = max(mentioned, key=lambda row: (len(texts & {*row.values.values()}), row.key))
    return Row(view.name, itself.key, worlds.pop(), persons[0] if persons else None, (), named, "")


def _privileges(table: Table, row: Mapping[str, Any]) -> Privileges:
    everything = frozenset(column.name for column in table.columns)
    columns = {
        what: everything if row[what] is None else frozenset(row[what])
        for what in ("select", "insert", "update")
    }
    return Privileges(whole=row["whole"], delete=row["delete"], truncate=row["truncate"], **columns)


def _read(
    connection: psycopg.Connection[Any], query: bytes, values: Mapping[str, Any]
) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def _queries() -> dict[str, bytes]:
    text = (files(__package__) / "subject.sql").read_text(encoding="utf-8")
    for what in ("select", "insert", "update"):
        text = text.replace(f"{{columns_{what}}}", COLUMNS.format(what=what))
    _, *parts = re.split(r"^-- read: (\w+)\n", text, flags=re.MULTILINE)
    return {name: query.encode() for name, query in zip(parts[::2], parts[1::2], strict=True)}
