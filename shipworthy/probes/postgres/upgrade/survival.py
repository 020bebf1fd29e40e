"""Whether the rows of before are still there after a migration, column by column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from pglast import ast
from psycopg.sql import SQL, Identifier, Literal

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.session import CANONICAL_OUTPUT
from shipworthy.probes.postgres.upgrade.locks import WATCHED_PLATFORM
from shipworthy.probes.postgres.upgrade.model import ColumnChange, Step, Survival
from shipworthy.probes.postgres.upgrade.trees import node_of

Connection = psycopg.Connection[Any]

AT_ONCE = 400
"""Columns per statement: two expressions each, and a row has at most 1,664."""

_COLUMNS = """
select c.oid::bigint, n.nspname::text, c.relname::text, a.attnum::integer, a.attname::text,
  format_type(a.atttypid, a.atttypmod)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't' and a.attgenerated = ''
  and (format('%%s.%%s', n.nspname, c.relname) = any (%(shared)s)
       or n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_')
order by 1, 4
"""
_CHANGES_ROWS = (ast.DeleteStmt, ast.UpdateStmt, ast.InsertStmt, ast.MergeStmt, ast.TruncateStmt)
_RUNS_CODE = (ast.DoStmt, ast.CallStmt, ast.SelectStmt)


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one column: how many, and a checksum over all of them in any order."""

    name: str
    type: str
    values: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table. Columns go by their number, which a new name does not change."""

    name: str
    count: int
    columns: Mapping[int, Column]

    def named(self, name: str) -> Column | None:
        """Give the column of a name."""
        return next((column for column in self.columns.values() if column.name == name), None)


def read_rows(connection: Connection) -> dict[int, Rows]:
    """Count and checksum every column of every table of the project: oid to its rows."""
    with connection.transaction():
        for name, value in CANONICAL_OUTPUT.items():
            connection.execute(SQL("select set_config({}, {}, true)").format(Literal(name), Literal(value)))
        values = {"platform": list(PLATFORM_SCHEMAS), "shared": list(WATCHED_PLATFORM)}
        tables: dict[tuple[int, str, str], list[tuple[int, str, str]]] = {}
        for oid, schema, name, *column in connection.execute(_COLUMNS, values).fetchall():
            tables.setdefault((oid, schema, name), []).append((column[0], column[1], column[2]))
        return {
            oid: _read(connection, Identifier(schema, name), f"{schema}.{name}", columns)
            for (oid, schema, name), columns in tables.items()
        }


def _read(connection: Connection, place: Identifier, name: str, columns: list[tuple[int, str, str]]) -> Rows:
    found: dict[int, Column] = {}
    count = 0
    for start in range(0, len(columns), AT_ONCE):
        part = columns[start : start + AT_ONCE]
        sums = SQL(", ").join(
            SQL(
                'count({0}), coalesce(sum(hashtextextended({0}::text collate "C", 0)::numeric), 0)::text'
            ).format(Identifier(column))
            for _, column, _ in part
        )
        row: Sequence[Any] = (
            connection.execute(SQL("select count(*), {} from {}").format(sums, place)).fetchone() or ()
        )
        count = row[0]
        for at, (number, column, kind) in enumerate(part):
            found[number] = Column(column, kind, row[1 + 2 * at], row[2 + 2 * at])
    return Rows(name, count, found)


def compare_rows(before: Mapping[int, Rows], after: Mapping[int, Rows], steps: Sequence[Step]) -> Survival:
    """Compare the rows of two moments, knowing which statements say that they change rows."""
    by_name = {rows.name: rows for rows in after.values()}
    full = [(oid, rows) for oid, rows in before.items() if rows.count]
    survival = Survival(
        tables=len(full),
        columns=sum(len(rows.columns) for _, rows in full),
        rows=sum(rows.count for _, rows in full),
    )
    for oid, rows in full:
        now = after.get(oid) or by_name.get(rows.name)
        if not now:
            survival = replace(survival, dropped={**survival.dropped, rows.name: rows.count})
            continue
        survival = _table(survival, rows, now, _meant(rows.name, steps))
    return survival


def _table(survival: Survival, was: Rows, now: Rows, meant: tuple[str, ...]) -> Survival:
    fewer = was.count - now.count
    if fewer > 0 and not meant:
        return replace(survival, lost={**survival.lost, was.name: fewer})
    if fewer:
        said = f"{was.name}: {abs(fewer)} rows {'fewer' if fewer > 0 else 'more'}"
        return replace(
            survival, named=(*survival.named, " by ".join((said, ", ".join(meant) or "a trigger")))
        )
    found = tuple(_columns(was, now, meant))
    return replace(
        survival,
        changes=(*survival.changes, *(change for change in found if isinstance(change, ColumnChange))),
        named=(*survival.named, *(text for text in found if isinstance(text, str))),
    )


def _columns(was: Rows, now: Rows, meant: tuple[str, ...]) -> Iterator[ColumnChange | str]:
    same = bool(was.columns.keys() & now.columns.keys())
    for number, before in was.columns.items():
        here = f"{was.name}.{before.name}"
        after = now.columns.get(number) if same else None
        replaced = after is None
        after = after or now.named(before.name)
        if after is None:
            yield f"{here}: dropped with {before.values} values"
        elif after.type != before.type and after.values >= before.values and not replaced:
            yield f"{here}: {before.type} is {after.type} now"
        elif after.values < before.values and not meant:
            kind = "replaced" if replaced else "emptied"
            yield ColumnChange(was.name, before.name, kind, f"{before.values} values, now {after.values}")
        elif after.checksum != before.checksum and replaced and same:
            yield ColumnChange(
                was.name, before.name, "replaced", f"{before.values} values, now others in a new column"
            )
        elif after.checksum != before.checksum and meant:
            yield f"{here}: changed by {', '.join(meant)}"
        elif after.checksum != before.checksum and after.type == before.type:
            yield ColumnChange(was.name, before.name, "changed", f"{before.values} values, now others")


def _meant(table: str, steps: Iterable[Step]) -> tuple[str, ...]:
    """Give the statements whose own text says that they change rows of a table."""
    name = re.escape(table.split(".", 1)[1])
    bare = re.compile(rf'(?<![\w"]){name}(?![\w"])|"{name}"')
    return tuple(
        step.place.subject
        for step in steps
        if _speaks_of_rows(step.place.sql) and (bare.search(step.place.sql) or _runs_code(step, table))
    )


def _speaks_of_rows(sql: str) -> bool:
    return isinstance(node_of(sql), (*_CHANGES_ROWS, *_RUNS_CODE))


def _runs_code(step: Step, table: str) -> bool:
    quoted = {name.replace('"', "") for name in step.written}
    return isinstance(node_of(step.place.sql), _RUNS_CODE) and table in quoted
