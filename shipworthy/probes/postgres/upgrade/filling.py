"""Synthetic rows for a whole schema: a first row of every table, multiplied by the server itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.schema import PARTITIONED, Column, Key, Reference, Schema, Table
from shipworthy.probes.postgres.access.schema import TABLE as PLAIN
from shipworthy.probes.postgres.upgrade.sizes import FEWEST, UNKNOWN
from shipworthy.probes.postgres.upgrade.values import VECTORS, WAYS, counted, distinct, fitness, ordered

Connection = psycopg.Connection[Any]

USERS = "auth.users"
STATEMENT_S = 10
LONGEST_S = 40.0
"""After that long every further table gets few rows."""
FIRST = 8
"""Rows that are multiplied, at most."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What the copy holds now."""

    rows: Mapping[str, int]
    missing: Mapping[str, str]
    """Table to the reason why it has no rows."""


@dataclass(frozen=True, slots=True)
class _Parent:
    """A foreign key that rows follow: the digit of a row's number says to which row of the parent."""

    reference: Reference
    rows: int
    divisor: int


@dataclass(frozen=True)
class _Recipe:
    """How the rows of one table are made out of those that are there."""

    table: Table
    parents: Sequence[_Parent]
    tidy: bool

    @property
    def followed(self) -> dict[str, str]:
        """Columns that come from a parent, each with the expression."""
        return {
            column: f"p{at}.c{place}"
            for at, parent in enumerate(self.parents)
            for place, column in enumerate(parent.reference.columns)
        }

    @property
    def most(self) -> int | None:
        """How many rows the keys allow that only foreign keys can make distinct; None: any number."""
        limits = [self._most(key) for key in self.table.keys]
        return min((limit for limit in limits if limit is not None), default=None)

    def _most(self, key: Key) -> int | None:
        if self._counted(key) or self._varied(key):
            return None
        return prod(p.rows for p in self.parents if set(p.reference.columns) & set(key.columns))

    def _counted(self, key: Key) -> bool:
        columns = (self.table.by_name[name] for name in key.columns if name in self.table.by_name)
        return any(counted(column) and column.name not in self.followed for column in columns)

    def _varied(self, key: Key) -> str | None:
        """Choose the column of a key that is made distinct; None where another does that, or none can."""
        if self._counted(key):
            return None
        ranks = {
            name: (self._checked(name), rank)
            for name in key.columns
            if name in self.table.by_name and name not in self.followed
            if (rank := fitness(self.table.by_name[name].type)) is not None
        }
        return min(ranks, key=lambda name: ranks[name], default=None)

    def insert(self, number: int, way: int) -> str:
        """Give the statement that adds so many rows, or fewer where some are there twice."""
        varied = {self._varied(key) for key in self.table.keys}
        values = {
            column.name: self._value(column, varied, way)
            for column in self.table.columns
            if column.name in self.followed or not (column.generated or counted(column))
        }
        names = ", ".join(values) or self.table.columns[0].name
        first = f"(select *, row_number() over () - 1 as shipworthy_n from {self.table.name} limit {FIRST})"  # noqa: S608  quoted by the server
        joins = "".join(f" {self._join(at, parent)}" for at, parent in enumerate(self.parents))
        return (
            f"insert into {self.table.name} ({names}) overriding system value"  # noqa: S608  quoted by the server
            f" select {', '.join(values.values()) or 'default'}"
            f" from generate_series(1, {number}) g"
            f" join {first} r on r.shipworthy_n = g % (select count(*) from {first} x){joins}"
            " on conflict do nothing"
        )

    def _join(self, at: int, parent: _Parent) -> str:
        columns = parent.reference.target_columns
        names = ", ".join(f"{name} as c{place}" for place, name in enumerate(columns))
        return (
            f"join (select row_number() over () - 1 as n, {names} from {parent.reference.target}) p{at}"  # noqa: S608
            f" on p{at}.n = (g / {parent.divisor}) % {parent.rows}"
        )

    def _value(self, column: Column, varied: set[str | None], way: int) -> str:
        same = f"r.{column.name}"
        loose = not (self.tidy or column.not_null or self._checked(column.name))
        if column.name in self.followed:
            value = self.followed[column.name]
        elif column.name in varied:
            return distinct(column.type, same, way)
        elif column.type.base in VECTORS:
            # An index over vectors takes a millisecond a row.
            return same if column.not_null else f"case when g <= {FEWEST} then {same} end"
        elif self._bound(column):
            return same
        else:
            value = ordered(column.type, same) if self.tidy else same
        return f"case when g % 4 <> 0 then {value} end" if loose else value

    def _bound(self, column: Column) -> bool:
        """Tell whether a rule speaks about the column, so that its first value is the only safe one."""
        table = self.table
        keyed = {name for key in table.keys for name in key.columns}
        excluded = {name for exclusion in table.exclusions for name in exclusion.columns}
        ruled = column.name in keyed | excluded or self._checked(column.name)
        return ruled or bool(column.type.domains or table.partition_key)

    def _checked(self, name: str) -> bool:
        return any(name in check.columns for check in self.table.checks)


def fill(
    connection: Connection,
    schema: Schema,
    wanted: Mapping[str, int],
    first_row: Callable[[str], str],
    *,
    tidy: bool,
) -> Filled:
    """Fill every table that can be filled, by the rules of the schema and without its triggers.

    Args:
        connection: to the copy, in autocommit mode.
        schema: of the copy.
        wanted: rows by table; ``UNKNOWN`` where it says nothing.
        first_row: makes one row of a table that has none; gives the reason where it cannot.
        tidy: every value is there and no two are equal, as far as the schema lets them; otherwise every
            fourth value that may be null is null, and values repeat wherever they may.

    """
    rows: dict[str, int] = {}
    missing: dict[str, str] = {}
    began = time.monotonic()
    connection.execute(f"set statement_timeout = '{STATEMENT_S}s'".encode())
    for table in _in_order(schema):
        reason = "" if _count(connection, table) else first_row(table.name)
        if not reason and not _count(connection, table):
            reason = "no row could be made by its own rules"
        if reason:
            missing[table.name] = reason
            continue
        late = time.monotonic() - began > LONGEST_S
        number = FEWEST if late else wanted.get(table.name, UNKNOWN)
        rows[table.name] = _multiply(connection, _Recipe(table, _parents(table, rows), tidy), number)
    return Filled(rows, missing)


def _in_order(schema: Schema) -> Iterator[Table]:
    """Give the tables to fill, those that others refer to first; a circle is entered anywhere."""
    wanted = {USERS, *schema.project}
    while more := {r.target for name in wanted for r in _references(schema, name)} - wanted:
        wanted |= more  # of the platform's tables only those that the project's refer to
    left = {
        name: table
        for name, table in schema.tables.items()
        if name in wanted and table.kind in {PLAIN, PARTITIONED} and not table.bounds
    }
    while left:
        free = [
            table
            for table in left.values()
            if not any(r.target in left and r.target != table.name for r in table.references)
        ]
        for table in free or [next(iter(left.values()))]:
            yield left.pop(table.name)


def _references(schema: Schema, name: str) -> Sequence[Reference]:
    return schema.tables[name].references if name in schema.tables else ()


def _parents(table: Table, rows: Mapping[str, int]) -> list[_Parent]:
    """Choose the foreign keys to follow, the widest first, so that a repeated tenant stays the same one."""
    chosen: list[Reference] = []
    covered: set[str] = set()
    for reference in sorted(table.references, key=lambda r: (-len(r.columns), r.name)):
        if rows.get(reference.target) and not covered & set(reference.columns):
            chosen.append(reference)
            covered |= set(reference.columns)
    # Keys made of nothing but foreign keys are distinct where those are counted through first.
    inside = {column for key in table.keys for column in key.columns}
    chosen.sort(key=lambda r: not set(r.columns) & inside)
    divisors = [prod(rows[r.target] for r in chosen[:at]) for at in range(len(chosen))]
    return [_Parent(r, rows[r.target], divisor) for r, divisor in zip(chosen, divisors, strict=True)]


def _multiply(connection: Connection, recipe: _Recipe, number: int) -> int:
    """Add rows until there are about so many; gives how many there are."""
    have = _count(connection, recipe.table)
    slow = any(column.not_null and column.type.base in VECTORS for column in recipe.table.columns)
    number = min(number, recipe.most or number, UNKNOWN if slow else number)
    for way in range(len(WAYS)):
        for size in (number, FEWEST):
            if have < number and _worked(connection, recipe.insert(size, way)):
                now = _count(connection, recipe.table)
                if now > have:
                    return now
    return have


def _worked(connection: Connection, sql: str) -> bool:
    try:
        connection.execute(sql.encode())
    except psycopg.Error:
        return False
    return True


def _count(connection: Connection, table: Table) -> int:
    row = connection.execute(f"select count(*) from {table.name}".encode()).fetchone()  # noqa: S608
    return int(row[0]) if row else 0
