"""Builds two isomorphic worlds of rows: A and B, with people in them and nothing between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg
from psycopg.sql import SQL

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.access.comparisons import Place
from shipworthy.probes.postgres.access.freezing import Tags, read_rows
from shipworthy.probes.postgres.access.literals import Literals
from shipworthy.probes.postgres.access.model import A, B, Row, Worlds
from shipworthy.probes.postgres.access.objects import BUCKETS, OBJECTS, ObjectPaths, column_value
from shipworthy.probes.postgres.access.order import order_tables
from shipworthy.probes.postgres.access.ownership import USERS, find_ownership
from shipworthy.probes.postgres.access.people import (
    BOTH,
    MEMBER,
    Claims,
    Person,
    everyone,
    make_people,
    person,
    write_claims,
)
from shipworthy.probes.postgres.access.placing import Placed, Placing, Population, Spot
from shipworthy.probes.postgres.access.programs import read_comparisons
from shipworthy.probes.postgres.access.rights import opaque_rights
from shipworthy.probes.postgres.access.rows import RowMaker, Unmakeable, Wanted
from shipworthy.probes.postgres.access.schema import MATERIALIZED, Reference, Schema, Table
from shipworthy.probes.postgres.access.settling import Settling
from shipworthy.probes.postgres.access.wishes import Wish, Wishes
from shipworthy.probes.postgres.exposure import project_functions

Connection = psycopg.Connection[Any]
LIMITS = "set local statement_timeout = '10s'; set local lock_timeout = '5s'; set local jit = off"


def build_worlds(
    connection: Connection,
    schema: Schema,
    *,
    claims: Mapping[str, str] | None = None,
    templates: Mapping[str, Mapping[str, str]] | None = None,
) -> Worlds:
    """Fill a clone of the migrated database with two worlds.

    Args:
        connection: as the owner of everything, in autocommit mode; to a database of its own.
        schema: of that database.
        claims: claims of the project's tokens that name a tenant where no policy shows it: dotted claim
            to ``schema.table.column``.
        templates: table to column to SQL that overrides what would be made.

    Raises:
        ProbeError: not even users can be made, or the server went away.

    """
    try:
        with connection.transaction():
            connection.execute(LIMITS)
            builder = _Builder(connection, schema, claims or {}, templates)
            builder.fill()
        return builder.worlds()
    except psycopg.Error as error:
        raise ProbeError(f"the two worlds cannot be built: {error}") from error


class _Builder:
    def __init__(
        self,
        connection: Connection,
        schema: Schema,
        claims: Mapping[str, str],
        templates: Mapping[str, Mapping[str, str]] | None,
    ) -> None:
        self.connection, self.schema = connection, schema
        self.found = found = read_comparisons(connection, schema)
        self.ownership = find_ownership(schema, found, claims)
        self.literals = Literals(schema, found, self.ownership)
        self.maker = RowMaker(connection, schema, templates)
        self.population = Population()
        self.placing = Placing(schema, self.ownership, self.population)
        self.wishes = Wishes(connection, schema, self.ownership, self.literals, self.placing)
        self.people = tuple(everyone(clerks=self.wishes.clerks))
        self.tags = Tags(schema, self.ownership, self.population, self.people)
        self.settling = Settling(connection, self.maker, self.population, self.placing, self.tags)
        self.objects = ObjectPaths(schema, found, self.ownership, self.population, self.placing)
        self.former = False

    def fill(self) -> None:
        """Make every row."""
        self._users()
        tables = [name for name, table in self.schema.project.items() if not table.bounds]
        tables += [name for name in (BUCKETS, OBJECTS) if name in self.schema.tables]
        also = {OBJECTS: self.objects.needs}
        for place, target in self.ownership.soft.items():
            also[place.owner] = also.get(place.owner, frozenset()) | {target.owner}
        order = order_tables(self.schema, tables, also)
        definitions = [self._sever(table, reference) for table, reference in order.hard]
        for name in order.tables:
            if name == BUCKETS:
                self._buckets()
            elif name == OBJECTS:
                buckets = sorted(str(row.values["id"]) for row in self.population.by_table[BUCKETS])
                self.settling.settle(self.schema.tables[OBJECTS], self.objects.wishes(buckets))
            else:
                self.settling.settle(self.schema.tables[name], self.wishes.of(self.schema.tables[name]))
        self._close()
        for statement in definitions:
            self.connection.execute(statement.encode())
        self._claim()
        self._pass()
        self.maker.restore_triggers()
        self._refresh()

    def _users(self) -> None:
        wanted = [Wanted(self._row(someone), someone.token) for someone in self.people]
        for someone, made in zip(self.people, self.maker.insert_many(USERS, wanted), strict=True):
            if isinstance(made, Unmakeable):
                raise ProbeError(f"no user can be made in auth.users: {made.reason}")
            row = Placed(USERS, someone.world, someone, dict(made.values), someone.token)
            self.population.add(row)

    def _row(self, someone: Person) -> Mapping[str, str | None]:
        """Give a user's row; an anonymous one's with an address where a trigger cannot do without."""
        if someone.is_anonymous and not self.settling.possible(USERS, someone.row):
            return someone.row | {"email": f"{someone.token}@example.com"}
        return someone.row

    def _sever(self, table: str, reference: Reference) -> str:
        """Take off a foreign key of a circle; gives the statement that puts it back."""
        row = self.connection.execute(
            "select pg_get_constraintdef(oid) from pg_constraint"
            " where conrelid = %s::regclass and quote_ident(conname) = %s",
            [table, reference.name],
        ).fetchone()
        self.placing.severed.add((table, reference.name))
        self.connection.execute(f"alter table {table} drop constraint {reference.name}".encode())
        return f"alter table {table} add constraint {reference.name} {row[0] if row else ''}"

    def _close(self) -> None:
        """Fill in the references that had to wait for rows that came later."""
        self.placing.severed.clear()
        for row, reference in self.placing.open:
            table = self.schema.tables[row.table]
            pairs = dict(zip(reference.columns, reference.target_columns, strict=True))
            for target in self.placing.candidates(reference, Spot(row.world, row.person, {}, {})):
                if self.settling.update(table, row, {c: target.values.get(t) for c, t in pairs.items()}):
                    break

    def _buckets(self) -> None:
        """Make the buckets that policies name, beside those that migrations made."""
        buckets = self.schema.tables[BUCKETS]
        present = [values["id"] for _, values in read_rows(self.connection, [buckets]).get(BUCKETS, ())]
        named = [name for name in self.objects.named_buckets if name not in present]
        objects = self.schema.tables.get(OBJECTS)
        if not named and not present and objects and objects.policies:
            named = ["bucket"]
        # One that nobody says to be private may be public, and its objects everyone's.
        known = {"public": "true"} if "public" in buckets.by_name else {}
        self.settling.settle(
            buckets, [Wish(Spot("", None, {"id": n, "name": n, **known}, {}), {"id": n}) for n in named]
        )

    def _claims_of(self, world: str) -> Claims:
        found = {}
        for claim, place in self.ownership.claims.items():
            value = self._value(place, person(MEMBER, world))
            if value is not None:
                found[claim.removesuffix("[]")] = [value] if claim.endswith("[]") else value
        return found

    def _value(self, place: Place, who: Person) -> str | None:
        return column_value(self.schema, self.ownership, self.placing, place, who)

    def _claim(self) -> None:
        for someone in self.people:
            if someone.world:
                write_claims(self.connection, someone.id, self._claims_of(someone.world))

    def _pass(self) -> None:
        """Let the former member's memberships go, and those of who can be in one world only."""
        if not self.settling.both:
            theirs = [row for row in self.population if row.person == BOTH]
            for row in [row for row in theirs if row.table in self.ownership.memberships]:
                self.settling.remove(self.schema.tables[row.table], row)
                self.population.by_table[row.table].remove(row)
        gone = [self.settling.remove(self.schema.tables[row.table], row) for row in self.settling.passing]
        self.former = bool(gone) and all(gone)

    def _refresh(self) -> None:
        for view in self.schema.views.values():
            if view.kind == MATERIALIZED:
                self.settling.forced(view, SQL("refresh materialized view {}").format(SQL(view.name)))

    def worlds(self) -> Worlds:
        """Read what there is now."""
        claims = {world: self._claims_of(world) for world in (A, B)}
        lists = [name for name, value in claims[A].items() if isinstance(value, list)]
        settled = bool(self.ownership.memberships) and self.settling.both
        both = settled or (bool(lists) and not self.ownership.memberships)
        rows = tuple(_even(self._frozen()))
        missing = dict(self._missing(rows))
        return Worlds(
            people=make_people(claims, both=both, former=self.former, clerks=self.wishes.clerks),
            rows=rows,
            owned=self.ownership.owned - ({OBJECTS} - {row.table for row in rows}),
            memberships=frozenset(self.ownership.memberships),
            roots=self.ownership.roots,
            lifted=tuple(dict.fromkeys((*self.maker.lifted, *self.settling.lifted))),
            missing=missing,
            opaque=opaque_rights(
                self.schema, self.found, self.ownership, project_functions(self.connection, ()), rows
            ),
        )

    def _frozen(self) -> Iterator[tuple[Row, bool]]:
        """Give the rows as they stand, each with whether it was wished for."""
        tables = [t for t in self.schema.tables.values() if not t.bounds and t.name != USERS]
        found = read_rows(self.connection, tables)
        for table in tables:
            sides = self.literals.sides(table)
            placed: dict[tuple[str | None, ...], list[Placed]] = {}
            for known in self.population.by_table[table.name]:
                placed.setdefault(_identity(table, known.values), []).append(known)
            for key, values in found.get(table.name, ()):
                same = placed.get(_identity(table, values))
                row = same.pop() if same else self.tags.adopt(table, values)
                if row and (row.world or table.name not in self.ownership.owned):
                    variants = tuple(side.variant(values) for side in sides)
                    owner = row.person.id if row.person else None
                    frozen = Row(table.name, key, row.world, owner, variants, values, row.token)
                    yield frozen, not row.adopted

    def _missing(self, rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
        counted = Counter((row.table, row.world) for row in rows)
        for name in sorted(self.schema.project):
            table = self.schema.tables[name]
            worlds = (A, B) if name in self.ownership.owned else ("",)
            lacking = [world for world in worlds if not counted[name, world]]
            if lacking and not table.bounds:
                reason = self.placing.missing.get(name, "its rows were changed or removed by triggers")
                yield name, reason


def _even(rows: Iterable[tuple[Row, bool]]) -> Iterator[Row]:
    """Leave out what triggers made in one world more than in the other: a log of what only A met."""
    groups: dict[str, dict[str, list[tuple[Row, bool]]]] = {}
    for row, wished in rows:
        groups.setdefault(row.table, {}).setdefault(row.world, []).append((row, wished))
    for worlds in groups.values():
        least = min((len(worlds[world]) for world in (A, B) if world in worlds), default=0)
        for world, found in worlds.items():
            spare = len(found) - least if world else 0
            for row, wished in sorted(found, key=lambda item: not item[1], reverse=True):
                if spare and not wished and len(worlds.keys() & {A, B}) > 1:
                    spare -= 1
                else:
                    yield row


def _identity(table: Table, values: Mapping[str, str | None]) -> tuple[str | None, ...]:
    columns = table.primary_key or tuple(column.name for column in table.columns)
    return tuple(values.get(column) for column in columns)
