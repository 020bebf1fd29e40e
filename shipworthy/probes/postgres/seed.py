"""What a seed leaves behind: sequences that will hand out keys again, rows that break a constraint.

Both pass unseen while the seed loads: a key that is written out does not move its sequence, and a
load with triggers off, or under a constraint that is NOT VALID, checks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from shipworthy.errors import ProbeError

Connection = psycopg.Connection[Any]

_SEQUENCES = """
select n.nspname, t.relname, a.attname, sn.nspname, s.relname, q.seqincrement
from pg_catalog.pg_sequence q
join pg_catalog.pg_class s on s.oid = q.seqrelid
join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
join lateral (
  -- An identity column, or a default that is nothing but nextval().
  select d.refobjid as tableoid, d.refobjsubid as number from pg_catalog.pg_depend d
  where d.classid = 'pg_class'::regclass and d.objid = s.oid and d.deptype = 'i' and d.refobjsubid > 0
  union
  select f.adrelid, f.adnum from pg_catalog.pg_attrdef f
  join pg_catalog.pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjid = s.oid
  where pg_catalog.pg_get_expr(f.adbin, f.adrelid) ~ '^nextval\\(''[^'']*''::regclass\\)$'
) u on true
join pg_catalog.pg_class t on t.oid = u.tableoid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = u.number
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not q.seqcycle and not t.relispartition
  -- A key that another table gives is counted there.
  and not exists (select from pg_catalog.pg_constraint c where c.conrelid = t.oid and c.contype = 'f'
                  and c.conkey = array[a.attnum])
  and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
order by 1, 2, 3
"""
_CONSTRAINTS = """
select c.conname, n.nspname, t.relname, c.contype::text, pg_catalog.pg_get_expr(c.conbin, c.conrelid, true),
  fn.nspname, ft.relname, c.confmatchtype = 'f',
  array(select a.attname::text from unnest(c.conkey) with ordinality as k (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number order by k.place),
  array(select a.attname::text from unnest(c.confkey) with ordinality as k (number, place)
        join pg_catalog.pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.number order by k.place)
from pg_catalog.pg_constraint c
join pg_catalog.pg_class t on t.oid = c.conrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
left join pg_catalog.pg_class ft on ft.oid = c.confrelid
left join pg_catalog.pg_namespace fn on fn.oid = ft.relnamespace
where c.contype in ('c', 'f') and c.conparentid = 0 and (c.contype = 'f' or c.conislocal)
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  -- Since Postgres 18 a constraint may be there for readers only, and one may hold for a period.
  and coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
  and not coalesce((to_jsonb(c) ->> 'conperiod')::boolean, false)
order by n.nspname, t.relname, c.conname
"""
_DISABLED = """
select format('%I.%I', n.nspname, t.relname),
  case when g.tgisinternal then 'those behind foreign keys' else format('%I', g.tgname) end
from pg_catalog.pg_trigger g
join pg_catalog.pg_class t on t.oid = g.tgrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
where g.tgenabled = 'D' and n.nspname !~ '^pg_'
order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class SequenceState:
    """A sequence that fills a column, and how far each has come."""

    table: str
    """``schema.table``, quoted where a name needs it."""
    column: str
    sequence: str
    next_value: int
    furthest: int | None
    """The column's largest value, or its smallest where the sequence counts down; None without a row."""
    counts_down: bool

    @property
    def behind(self) -> bool:
        """Whether the sequence will give out a value that the column has passed."""
        if self.furthest is None:
            return False
        return self.next_value >= self.furthest if self.counts_down else self.next_value <= self.furthest


@dataclass(frozen=True, slots=True)
class BrokenConstraint:
    """A constraint that rows of its table do not meet."""

    table: str
    name: str
    definition: str
    rows: int
    example: str
    """The key columns of one such row, as JSON; of a check, the whole row, cut."""


def read_sequences(connection: Connection) -> list[SequenceState]:
    """Read every sequence that fills a column of numbers."""
    return [_sequence(connection, *row) for row in connection.execute(_SEQUENCES).fetchall()]


def read_disabled_triggers(connection: Connection) -> set[tuple[str, str]]:
    """Name the triggers that are switched off, as table and trigger; those behind foreign keys too."""
    return {(table, trigger) for table, trigger in connection.execute(_DISABLED).fetchall()}


def count_constraints(connection: Connection) -> int:
    """Count the checks and foreign keys that rows could break."""
    return len(connection.execute(_CONSTRAINTS).fetchall())


def broken_constraints(connection: Connection) -> Iterator[BrokenConstraint]:
    """Hold every row to every check and foreign key, also to those that are NOT VALID.

    Raises:
        ProbeError: a constraint cannot be evaluated; names it.

    """
    for row in connection.execute(_CONSTRAINTS).fetchall():
        table = _name(row[1], row[2])
        try:
            found = connection.execute(_violations(row)).fetchone()
        except psycopg.Error as error:
            raise ProbeError(f"{row[0]} on {table} cannot be tested: {error}") from error
        if found and found[0]:
            yield BrokenConstraint(table, row[0], _definition(row), found[0], found[1])


def _sequence(connection: Connection, *names: Any) -> SequenceState:
    schema, table, column, sequence_schema, sequence, increment = names
    furthest = SQL("min" if increment < 0 else "max")
    query = SQL("select last_value, is_called, (select {}({}) from {}) from {}").format(
        furthest,
        Identifier(column),
        Identifier(schema, table),
        Identifier(sequence_schema, sequence),
    )
    row = connection.execute(query).fetchone()
    assert row
    last, called, reached = row
    return SequenceState(
        table=_name(schema, table),
        column=column,
        sequence=_name(sequence_schema, sequence),
        next_value=last + increment if called else last,
        furthest=None if reached is None else int(reached),
        counts_down=increment < 0,
    )


def _violations(row: tuple[Any, ...]) -> Composed:
    """Make the query that counts the rows which break a constraint and shows one of them."""
    table = Identifier(row[1], row[2])
    if row[3] == "c":
        return SQL(
            "select count(*), left(min(to_jsonb(t)::text), 200) from {} as t where ({}) is false"
        ).format(table, SQL(row[4]))
    own, theirs = ([Identifier(name) for name in names] for names in row[8:10])
    joined = SQL(" and ").join(
        SQL("f.{} = t.{}").format(there, here) for here, there in zip(own, theirs, strict=True)
    )
    given = SQL(" or " if row[7] else " and ").join(SQL("t.{} is not null").format(here) for here in own)
    key = SQL(", ").join(SQL("{}, t.{}").format(SQL(_literal(name)), Identifier(name)) for name in row[8])
    return SQL(
        "select count(*), left(min(jsonb_build_object({})::text), 200) from {} as t"
        " where ({}) and not exists (select from {} as f where {})"
    ).format(key, table, given, Identifier(row[5], row[6]), joined)


def _definition(row: tuple[Any, ...]) -> str:
    if row[3] == "c":
        return f"check ({row[4]})"
    return f"foreign key ({', '.join(row[8])}) references {_name(row[5], row[6])} ({', '.join(row[9])})"


def _name(*parts: str) -> str:
    """Print a qualified name the way SQL would: quoted where it must be."""
    plain = all(part.isidentifier() and part.isascii() and part == part.lower() for part in parts)
    return ".".join(parts) if plain else Identifier(*parts).as_string()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
