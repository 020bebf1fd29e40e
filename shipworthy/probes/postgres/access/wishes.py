"""Which rows a table shall have, so that everyone's are there and every policy's opening is seen."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.sql import SQL

from shipworthy.probes.postgres.access.checks import holds
from shipworthy.probes.postgres.access.literals import ROWS, Literals, Stand
from shipworthy.probes.postgres.access.model import A, B
from shipworthy.probes.postgres.access.order import is_required
from shipworthy.probes.postgres.access.ownership import USERS, Membership, Ownership
from shipworthy.probes.postgres.access.people import (
    ADMIN,
    BOTH,
    CLERK,
    FORMER,
    LIVING,
    MEMBER,
    STRANGER,
    Person,
    person,
)
from shipworthy.probes.postgres.access.placing import Placed, Placing, Spot, fan_out, is_one_to_one
from shipworthy.probes.postgres.access.schema import Schema, Table

ONE_EACH = 2 * len(LIVING) * ROWS
"""So many rows of a table of nobody's to which only one row each can refer."""
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """A row that shall be there."""

    spot: Spot
    special: Stand = field(default_factory=dict)
    """Of the fixed values those that a row which was there before must get, too."""
    passing: bool = False
    """It goes again when everything is there: a former member's."""

    @staticmethod
    def token() -> str:
        """Make a text that stands nowhere else."""
        return f"sw{secrets.token_hex(6)}"


class Wishes:
    """Says which rows tables shall have."""

    def __init__(
        self,
        connection: Connection,
        schema: Schema,
        ownership: Ownership,
        literals: Literals,
        placing: Placing,
    ) -> None:
        self._connection, self._schema, self._ownership = connection, schema, ownership
        self._literals, self._placing, self._population = literals, placing, placing.population
        self.personal = _personal(schema, ownership)
        self._one_each = {
            reference.target
            for table in schema.tables.values()
            for reference in table.references
            if is_one_to_one(table, reference)
        }
        """Nobody's tables among them need a row for each row that refers to one."""
        self._pairs = {
            name
            for table in schema.tables.values()
            for name, count in Counter(reference.target for reference in table.references).items()
            if count > 1
        }
        """Nobody's tables among them need two rows: some row refers to two of them."""
        self._profiles = {
            reference.target
            for membership in ownership.memberships.values()
            for reference in schema.tables[membership.table].references
            if membership.user in reference.columns and reference.target != USERS
        }

    def of(self, table: Table) -> list[Wish]:
        """Give the rows that a table shall have, those of world A before their twins."""
        owners = self._ownership
        if table.name in owners.memberships:
            return list(self._memberships(table, owners.memberships[table.name]))
        if table.name in owners.standings:
            return list(self._standings(table, owners.standings[table.name]))
        if table.name not in owners.owned:
            spots = list(self._spread(table, "", None, self._stands(table)))
            spots *= ONE_EACH if table.name in self._one_each else 2 if table.name in self._pairs else 1
            return [Wish(spot, spot.fixed) for spot in spots]
        if table.name in owners.roots or table.name not in self.personal:
            who = {w: person(ADMIN, w) if table.name in self.personal else None for w in (A, B)}
            stands = self._stands(table)
            return [Wish(spot, spot.fixed) for w in (A, B) for spot in self._spread(table, w, who[w], stands)]
        return list(self._personal(table))

    @property
    def clerks(self) -> bool:
        """Tell whether some table makes people operators of the whole deployment."""
        return bool(self._ownership.standings)

    def _stands(self, table: Table) -> tuple[Stand, ...]:
        """Give the sides that rows can stand on without breaking a check."""
        stands = self._literals.stands(table)
        return tuple(stand for stand in stands if holds(self._connection, table, stand)) or ({},)

    def _personal(self, table: Table) -> Iterator[Wish]:
        stands = self._stands(table)
        for homeless in (BOTH, FORMER) if table.name in self._profiles else ():
            yield Wish(Spot("", homeless, {}, {}))
        for world in (A, B):
            for number, name in enumerate(LIVING):
                # One row a person only: each person's stands on another side.
                own = stands[number % len(stands) :][:1] if self._is_single(table) else stands
                for spot in self._spread(table, world, person(name, world), own):
                    yield Wish(spot, spot.fixed)

    def _is_single(self, table: Table) -> bool:
        users = {*self._ownership.user_columns.get(table.name, ())}
        return any(
            {*key.columns} <= users and not key.predicate and not key.expressions for key in table.keys
        )

    def _standings(self, table: Table, standing: Membership) -> Iterator[Wish]:
        least, most = self._literals.least(table), self._existing(table, self._literals.most(table))
        ranks = {CLERK: most} if least is None else dict.fromkeys(LIVING, least) | {CLERK: most}
        for homeless in (STRANGER, BOTH, FORMER) if least is not None else ():
            yield Wish(Spot("", homeless, {standing.user: homeless.id, **(least or {})}, {}), least or {})
        for world in (A, B):
            for number, (name, rank) in enumerate(ranks.items()):
                who = person(name, world)
                stands = self._stands(table)
                own = stands[number % len(stands) :][:1] if self._is_single(table) else stands
                for stand in own:
                    values = {**stand, **rank}
                    yield Wish(Spot(world, who, {standing.user: who.id, **values}, {}), values)

    def _existing(self, table: Table, stand: Stand) -> Stand:
        """Leave out what refers to a row that is not there."""
        kept = dict(stand)
        for reference in table.references:
            name = reference.columns[0]
            if name in kept:
                query = SQL("select exists (select from {} where {}::text = %s)")
                there = query.format(SQL(reference.target), SQL(reference.target_columns[0]))
                row = self._connection.execute(there, [kept[name]]).fetchone()
                if len(reference.columns) > 1 or not (row and row[0]):
                    del kept[name]
        return kept

    def _memberships(self, table: Table, membership: Membership) -> Iterator[Wish]:
        highest, lowest = (self._literals.rank(table, highest=high) for high in (True, False))
        for world in (A, B):
            people = [(person(ADMIN, world), highest), (person(MEMBER, world), lowest), (BOTH, lowest)]
            people += [(FORMER, lowest)] if world == A else []
            for parents in self._homes(table, membership, world):
                for who, rank in people:
                    others = self._ownership.user_columns.get(table.name, ())
                    invited = {c: person(ADMIN, world).id for c in others if c != membership.user}
                    fixed = {**invited, membership.user: who.id, **rank}
                    yield Wish(Spot(world, who, fixed, parents), rank, passing=who == FORMER)

    def _homes(self, table: Table, membership: Membership, world: str) -> list[Mapping[str, Placed]]:
        """Give the tenants of a world that its people are members of."""
        for reference in table.references:
            if {*reference.columns} & {*membership.tenants} and reference.target in self._ownership.roots:
                rows = self._population.of(reference.target, world, person(ADMIN, world))
                homes = [row for row in rows if not row.adopted] or rows[:1]
                return [{reference.name: row} for row in homes[:ROWS]]
        return [{}]

    def _spread(
        self, table: Table, world: str, who: Person | None, stands: tuple[Stand, ...]
    ) -> Iterator[Spot]:
        """Vary the row itself, then the rows that it refers to where its policies look at them."""
        spots = [Spot(world, who, stand, {}) for stand in stands]
        for reference in table.references:
            if self._follows(table.name, reference.target):
                parents = fan_out(self._placing.candidates(reference, spots[0]))
                spots += [Spot(world, who, stands[0], {reference.name: parent}) for parent in parents[1:]]
        yield from spots[:ROWS]

    def _follows(self, table: str, parent: str) -> bool:
        seen, waiting = {table}, [parent]
        while waiting:
            name = waiting.pop()
            if self._literals.follows(table, name):
                return True
            seen.add(name)
            above = self._schema.tables.get(name)
            waiting += [r.target for r in (above.references if above else ()) if r.target not in seen]
        return False


def _personal(schema: Schema, ownership: Ownership) -> frozenset[str]:
    """Find the tables whose rows are one person's: by a column, or by what they refer to."""
    personal = {*ownership.user_columns, *ownership.email_columns}
    shared = ownership.roots | {*ownership.memberships}
    grown = True
    while grown:
        new = {
            table.name
            for table in schema.tables.values()
            for reference in table.references
            if reference.target in personal - shared and reference.target != USERS
            if is_required(table, reference)
        } - personal
        grown = bool(new)
        personal |= new
    return frozenset(personal)
