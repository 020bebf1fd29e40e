"""The tables that a proof of access works on: columns, keys, references and rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Composed, Identifier, Literal

from shipworthy.probes.postgres.exposure import ExposedRelation

ROW_KEY = "tableoid::text || ctid::text"
"""Names one row version within a transaction."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a statement can write to."""

    name: str
    type: str
    unique: bool
    """It is part of a primary key, a unique constraint or a unique index."""
    distinguishing: bool
    """It is the last column of one: another value there makes another row."""
    default: str | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: these columns name a row of that table."""

    columns: tuple[str, ...]
    table: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """One exposed table of the scratch database."""

    name: str
    """Schema-qualified and quoted where needed, so that it can stand in a statement as it is."""
    partition: bool
    row_security: bool
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]

    @cached_property
    def sql(self) -> SQL:
        """The name, for statements."""
        return SQL(self.name)

    @cached_property
    def referring(self) -> frozenset[str]:
        """Columns that are part of some foreign key."""
        return frozenset(column for reference in self.references for column in reference.columns)

    @cached_property
    def uuid_keys(self) -> tuple[str, ...]:
        """Columns whose ``uuid`` names a row of this table."""
        return tuple(
            column.name
            for column in self.columns
            if column.unique and column.type == "uuid" and column.name not in self.referring
        )

    def value(self, column: str, text: str | None) -> Composed:
        """Write a value of a column, given as text, as a typed literal."""
        type_ = next(c.type for c in self.columns if c.name == column)
        return SQL("{}::{}").format(Literal(text), SQL(type_))

    def plain_column(self, allowed: frozenset[str]) -> Column:
        """Choose the column whose change does the least: no key, no reference, if there is such a one."""
        candidates = [column for column in self.columns if column.name in allowed] or list(self.columns)
        return min(candidates, key=lambda column: (column.unique, column.name in self.referring))


_COLUMNS = """
select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
  exists (select from pg_catalog.pg_index x where x.indrelid = a.attrelid and x.indisunique
          and a.attnum = any (x.indkey::int2[])) as unique,
  exists (select from pg_catalog.pg_index x where x.indrelid = a.attrelid and x.indisunique
          and a.attnum = x.indkey[x.indnkeyatts - 1]) as distinguishing,
  case when a.attidentity = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) else 'identity' end as default
from pg_catalog.pg_attribute a
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
order by a.attnum
"""

_REFERENCES = """
select array(select attname::text from unnest(k.conkey) with ordinality o (n, i)
             join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = o.n
             order by i) as columns,
  format('%%I.%%I', n.nspname, c.relname) as table,
  array(select attname::text from unnest(k.confkey) with ordinality o (n, i)
        join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = o.n order by i) as keys
from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.confrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where k.conrelid = %s::regclass and k.contype = 'f' and not c.relispartition
order by k.conname
"""


def read_tables(
    connection: psycopg.Connection[Any], relations: Iterable[ExposedRelation]
) -> tuple[Table, ...]:
    """Read what statements about the tables among these need to know.

    The connection's ``search_path`` must be empty, so that types are named in full.
    """
    return tuple(
        Table(
            relation.name,
            relation.partition,
            relation.row_security,
            _columns(connection, relation.name),
            _references(connection, relation.name),
        )
        for relation in relations
        if relation.kind == "table"
    )


def _columns(connection: psycopg.Connection[Any], table: str) -> tuple[Column, ...]:
    with connection.cursor(row_factory=class_row(Column)) as cursor:
        return tuple(cursor.execute(_COLUMNS, [table]))


def _references(connection: psycopg.Connection[Any], table: str) -> tuple[Reference, ...]:
    rows = connection.execute(_REFERENCES, [table])
    return tuple(Reference(tuple(columns), target, tuple(keys)) for columns, target, keys in rows)


def row_keys(connection: psycopg.Connection[Any], table: Table) -> frozenset[str]:
    """Give the keys of every row that the current role sees.

    Raises:
        psycopg.errors.InsufficientPrivilege: the role may not read the table.

    """
    query = SQL("select {key} from {table}").format(key=SQL(ROW_KEY), table=table.sql)
    return frozenset(key for (key,) in connection.execute(query))


def row_values(connection: psycopg.Connection[Any], table: Table, key: str) -> dict[str, str | None]:
    """Give the values of one row as text, by column."""
    columns = SQL(", ").join(SQL("{}::text").format(Identifier(column.name)) for column in table.columns)
    query = SQL("select {columns} from {table} where {key} = {wanted}").format(
        columns=columns, table=table.sql, key=SQL(ROW_KEY), wanted=Literal(key)
    )
    row = connection.execute(query).fetchone()
    return dict(zip((column.name for column in table.columns), row or (), strict=True))


def referenced_row(
    connection: psycopg.Connection[Any], reference: Reference, target: Table, values: Mapping[str, str | None]
) -> str | None:
    """Give the key of the row that a foreign key with these values points to."""
    if any(values[column] is None for column in reference.columns):
        return None
    same = SQL(" and ").join(
        SQL("{}::text = {}").format(Identifier(key), Literal(values[column]))
        for column, key in zip(reference.columns, reference.keys, strict=True)
    )
    query = SQL("select {key} from {table} where {same}").format(
        key=SQL(ROW_KEY), table=target.sql, same=same
    )
    row = connection.execute(query).fetchone()
    return str(row[0]) if row else None
