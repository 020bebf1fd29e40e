"""The nouns of the access proof: rows of two worlds, the people in them, and what each attempt came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from shipworthy.probes.postgres.personas import Persona

A, B = "A", "B"
"""The two worlds. Nothing of one refers to anything of the other."""

OWN, OTHER, SELF = "own", "other", "self"
"""What an attempt was about: rows of the persona's own world, of the other one, or the persona's own rank."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A value on one side of what some policy compares: ``status = 'published'``."""

    column: str
    value: str | None

    def __str__(self) -> str:
        return f"{self.column} is null" if self.value is None else f"{self.column} = '{self.value}'"


@dataclass(frozen=True, slots=True)
class Row:
    """One made row."""

    table: str
    """Schema-qualified and quoted where needed."""
    key: str
    """``tableoid::text || ctid::text`` once the worlds are complete."""
    world: str
    """``A``, ``B``, or empty for a row that belongs to nobody (a price list's)."""
    person: str | None
    """The id (``auth.users.id``) of the one it is tied to; None where it is the whole world's."""
    variants: tuple[Variant, ...]
    """The sides of the policies' comparisons that it stands on."""
    values: Mapping[str, str | None]
    """Column to value as text; generated columns included."""
    token: str
    """Stands in every free text of the row and nowhere else: where it is read, the row is read."""


@dataclass(frozen=True, slots=True)
class Lifted:
    """A check constraint or trigger that no made row satisfied, so that it was lifted on the clone."""

    table: str
    name: str
    kind: str
    """``check``, ``trigger``, ``exclusion``, ``foreign key`` …"""
    reason: str


@dataclass(frozen=True, slots=True)
class People:
    """The personas of the proof. World B has a member and an admin of its own; they never act."""

    anon: Persona
    anonymous: Persona
    """Signed in anonymously: role ``authenticated``, claim ``is_anonymous``."""
    stranger: Persona
    """Signed in, with no row of either world."""
    member: Persona
    """Of world A, with the least rank that a membership can have."""
    admin: Persona
    """Of world A, with the highest rank; where there are no memberships, one more user."""
    both: Persona | None
    """Member of both worlds; None where the schema allows one membership only or has none."""
    former: Persona | None
    """Had a membership in world A that is gone; None where there are no memberships."""
    service: Persona
    operator: Persona | None = None
    """Operates the whole deployment; reads, and is judged by nobody. None where no table says who does."""
    switched: Persona | None = None
    """The member of both after changing to world B, where a claim of the token names one tenant only."""

    @property
    def everyone(self) -> tuple[Persona, ...]:
        """Give those that there are, from the least to the most trusted."""
        people = (self.anon, self.anonymous, self.stranger, self.former)
        others = (self.member, self.admin, self.both, self.service)
        return tuple(person for person in (*people, *others) if person)


@dataclass(frozen=True)
class Worlds:
    """Two isomorphic sets of rows in one database, and what had to give way for them."""

    people: People
    rows: tuple[Row, ...]
    owned: frozenset[str]
    """Tables whose rows belong to someone: reached from ``auth.users`` by keys or memberships."""
    memberships: frozenset[str]
    """Tables that tie users to tenants, and which policies of other tables ask."""
    roots: frozenset[str]
    """Tenant tables: what memberships point to."""
    lifted: tuple[Lifted, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    """Table to the reason why it has no row in both worlds."""
    opaque: Mapping[str, str] = field(default_factory=dict)
    """Table to what its policies ask a helper for, in words, and only the project knows how to have."""

    @cached_property
    def by_table(self) -> Mapping[str, tuple[Row, ...]]:
        """The rows of each table that has some."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.table, []).append(row)
        return {table: tuple(rows) for table, rows in found.items()}

    def of(self, table: str, world: str) -> tuple[Row, ...]:
        """Give the rows of a table in one world."""
        return tuple(row for row in self.by_table.get(table, ()) if row.world == world)


@dataclass(frozen=True, slots=True)
class Cell:
    """One persona, one relation, one command, one kind of row: tried, looked at, rolled back."""

    relation: str
    kind: str
    """``table``, ``view``, ``materialized view`` or ``foreign table``."""
    persona: str
    command: str
    """``select``, ``insert``, ``update``, ``delete``, ``upsert``, ``truncate``, ``move`` (update into the
    other world) or ``raise`` (a change of the own rank)."""
    scope: str
    """``own``, ``other`` or ``self``."""
    case: str
    """Which column or key it went by; empty where the command says it all."""
    outcome: str
    """``reached``: rows were read or written. ``nothing``: let through, no row. ``denied``: no privilege or
    a policy's check. ``raised``: a trigger refused. ``unclear``: it failed for another reason."""
    rows: int
    """How many rows of this scope it reached."""
    of: int
    """How many the owner reaches with the same statement: the positive control."""
    saw: str
    """The outcome in words, with the SQLSTATE where there was one."""
    opened_by: str = ""
    """Where only rows of one variant were reached: that variant."""

    @property
    def reached(self) -> bool:
        """Tell whether any row was read or written."""
        return self.outcome == "reached"


@dataclass(frozen=True)
class AccessMatrix:
    """Every cell of the proof."""

    cells: tuple[Cell, ...]
    operators: frozenset[str] = frozenset()
    """The relations of which an operator of the whole deployment reads rows."""

    @cached_property
    def _index(self) -> Mapping[tuple[str, str], tuple[Cell, ...]]:
        found: dict[tuple[str, str], list[Cell]] = {}
        for cell in self.cells:
            found.setdefault((cell.relation, cell.command), []).append(cell)
        return {key: tuple(cells) for key, cells in found.items()}

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """Every table and view that something was tried on."""
        return tuple(dict.fromkeys(cell.relation for cell in self.cells))

    def tried(self, relation: str, *commands: str) -> Iterator[Cell]:
        """Iterate over the cells of a relation, of these commands."""
        for command in commands:
            yield from self._index.get((relation, command), ())
