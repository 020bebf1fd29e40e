"""Which made row belongs to whom, and which columns say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from shipworthy.probes.postgres.access.model import OTHER, OWN, A, B, Row, Worlds
from shipworthy.probes.postgres.access.schema import Schema, Table
from shipworthy.probes.postgres.personas import Persona

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OBJECTS = "storage.objects"
DEPTH = 6
"""So many references are followed from a row to what it inherits from."""


@dataclass(frozen=True, slots=True)
class Ties:
    """The columns that hold a row in its world, by what they name."""

    tenant: tuple[tuple[str, ...], ...] = ()
    """A root: the tenant itself."""
    person: tuple[str, ...] = ()
    """A user."""
    parent: tuple[tuple[str, ...], ...] = ()
    """Another row of that world."""
    profiles: frozenset[str] = frozenset()
    """Of the parents' columns, those that name the one row which a user has somewhere, and so the user."""

    @property
    def all(self) -> frozenset[str]:
        """Every such column."""
        return frozenset(column for columns in (*self.tenant, *self.parent) for column in columns) | {
            *self.person
        }

    @property
    def others(self) -> frozenset[str]:
        """Those that name no user."""
        return self.all - {*self.person}

    @property
    def deciding(self) -> tuple[tuple[str, ...], ...]:
        """Those that say whose the row is: its tenant; without one its users; without both its parents."""
        return self.tenant or ((self.person,) if self.person else self.parent)


class Belonging:
    """Everything that can be told about the rows of two worlds."""

    def __init__(self, schema: Schema, worlds: Worlds) -> None:
        self._schema, self._worlds = schema, worlds
        self._found: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], Row]] = {}
        self._ties: dict[str, Ties] = {}
        self._standings: dict[str, tuple[frozenset[str], str]] = {}
        self._shares: dict[str, dict[str, frozenset[str]]] = {}

    @cached_property
    def persons(self) -> Mapping[str, str]:
        """The users of the two worlds: id to world; of those who act as personas, only members."""
        people = self._worlds.people
        known = {str(person.user): A for person in (people.member, people.admin)}
        found = {row.person: row.world for row in self._worlds.rows if row.person and row.world}
        return {**found, **known}

    @cached_property
    def names(self) -> Mapping[str, Row]:
        """What names exactly one row wherever it is read: a token, or a ``uuid`` that is a key."""
        found: dict[str, Row] = {}
        for row in self._worlds.rows:
            if row.token:
                found[row.token] = row
            table = self._schema.relations.get(row.table)
            for key in table.keys if table else ():
                value = row.values.get(key.columns[0]) if len(key.columns) == 1 else None
                if value and UUID.fullmatch(value):
                    found.setdefault(value, row)
        return {**self._tied_to_users, **found}

    @property
    def _tied_to_users(self) -> Mapping[str, Row]:
        """A row of each user who has rows in one world only."""
        found: dict[str, list[Row]] = {}
        for row in self._worlds.rows:
            if row.person and row.world:
                found.setdefault(row.person, []).append(row)
        return {user: rows[0] for user, rows in found.items() if len({row.world for row in rows}) == 1}

    @cached_property
    def by_key(self) -> Mapping[str, Row]:
        """Every made row by its key."""
        return {row.key: row for row in self._worlds.rows}

    @cached_property
    def _by_relation(self) -> Mapping[str, tuple[Row, ...]]:
        found: dict[str, list[Row]] = {}
        for row in self._worlds.rows:
            found.setdefault(row.key.partition("(")[0], []).append(row)
        return {number: tuple(rows) for number, rows in found.items()}

    @cached_property
    def _mentions(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(name) for name in sorted(self.names, reverse=True)) or "(?!)")

    def rows(self, table: Table) -> tuple[Row, ...]:
        """Give the made rows that a statement on a table is about, those of its children included.

        Of these, the columns that the table has.
        """
        found = (row for number in self._family(table) for row in self._by_relation.get(str(number), ()))
        return tuple(
            row if row.values.keys() <= table.by_name.keys() else _seen_as(row, table) for row in found
        )

    def mentioned(self, texts: Iterable[str]) -> frozenset[str]:
        """Give the keys of the rows that can be recognised in texts."""
        return frozenset(self.names[name].key for name in self.names_in(texts))

    def names_in(self, texts: Iterable[str]) -> frozenset[str]:
        """Give the tokens and ids that stand in texts."""
        return frozenset(match for text in texts for match in self._mentions.findall(text))

    def is_own(self, row: Row, persona: Persona) -> bool:
        """Tell whether a row is of the persona's own world, its own, or nobody's."""
        worlds, user = self._standing(persona)
        return row.world in worlds or (row.person is not None and row.person == user)

    def _standing(self, persona: Persona) -> tuple[frozenset[str], str]:
        """Give the worlds that someone belongs to, and the id that rows are tied to."""
        if persona.name not in self._standings:
            people = self._worlds.people
            worlds = {""}
            if persona in {people.member, people.admin}:
                worlds.add(A)
            if persona.role is None or persona in {people.both, people.service}:
                worlds |= {A, B}
            self._standings[persona.name] = frozenset(worlds), str(persona.user)
        return self._standings[persona.name]

    def shares(self, persona: Persona) -> Mapping[str, frozenset[str]]:
        """Part all rows into those of the persona's own world, or of nobody, and the other ones."""
        if persona.name not in self._shares:
            own = frozenset(row.key for row in self._worlds.rows if self.is_own(row, persona))
            other = frozenset(self.by_key) - own
            self._shares[persona.name] = {scope: keys for scope, keys in ((OWN, own), (OTHER, other)) if keys}
        return self._shares[persona.name]

    def ties(self, table: Table, row: Row) -> Ties:
        """Find the columns of a row that name something of its own world."""
        if not row.world:
            return Ties()
        if row.key not in self._ties:
            self._ties[row.key] = self._tied(table, row)
        return self._ties[row.key]

    def sides(self, row: Row) -> Iterator[str]:
        """Iterate over the sides of comparisons that a row stands on, itself or by what it refers to."""
        yield from map(str, row.variants)
        if row.table == OBJECTS:
            yield from self._sides_of_named(row)
        seen, waiting = {row.key}, [(row, 0)]
        while waiting:
            child, depth = waiting.pop()
            for parent in self._parents(child) if depth < DEPTH else ():
                if parent.key not in seen:
                    seen.add(parent.key)
                    waiting.append((parent, depth + 1))
                    yield from (f"{parent.table}.{variant}" for variant in parent.variants)

    def _sides_of_named(self, row: Row) -> Iterator[str]:
        """A path may name a row of a table that has rows on both sides; a tenant or user is no flag."""
        for name in self.names_in([row.values.get("name") or ""]) - self.persons.keys():
            named = self.names[name]
            siblings = self._worlds.by_table.get(named.table, ())
            sides = {variant for sibling in siblings for variant in sibling.variants}
            for variant in named.variants if named.table not in self._worlds.roots else ():
                if any(side.column == variant.column and side != variant for side in sides):
                    yield f"{named.table}.{variant}"

    def someone_of(self, world: str, row: Row | None = None) -> str | None:
        """Give the id of a user of a world: the one that the row is tied to, if any."""
        if row and row.person and row.world == world:
            return row.person
        people = self._worlds.people
        acting = {str(one.user) for one in people.everyone if one not in {people.member, people.admin}}
        everyone = (one for one, place in self.persons.items() if place == world and one not in acting)
        return next(everyone, None)

    def _tied(self, table: Table, row: Row) -> Ties:
        tenant: list[tuple[str, ...]] = []
        parent: list[tuple[str, ...]] = []
        person = tuple(column.name for column in table.columns if row.values.get(column.name) in self.persons)
        profiles: set[str] = set()
        for columns, target in (*self._referred(table, row), *self._named(table, row)):
            strange = target.world == row.world and target.key != row.key
            if strange and not set(columns) <= set(person):
                (tenant if target.table in self._worlds.roots else parent).append(columns)
                profiles.update(columns if self._is_profile(target) else ())
        return Ties(tuple(dict.fromkeys(tenant)), person, tuple(dict.fromkeys(parent)), frozenset(profiles))

    def _is_profile(self, row: Row) -> bool:
        """Tell whether the table has one row for a user, and this is such a row."""
        table = self._schema.relations.get(row.table)
        alone = [key.columns[0] for key in table.keys if len(key.columns) == 1] if table else ()
        return row.person is not None and any(row.values.get(column) == row.person for column in alone)

    def _referred(self, table: Table, row: Row) -> Iterator[tuple[tuple[str, ...], Row]]:
        for reference in table.references:
            values = tuple(row.values.get(column) for column in reference.columns)
            target = self._row_of(reference.target, reference.target_columns, values)
            if target:
                yield reference.columns, target

    def _named(self, table: Table, row: Row) -> Iterator[tuple[tuple[str, ...], Row]]:
        """Find the columns without a foreign key that hold a row's id all the same."""
        for column in table.columns:
            value = row.values.get(column.name)
            if value and UUID.fullmatch(value) and value in self.names:
                yield (column.name,), self.names[value]

    def _parents(self, row: Row) -> Iterator[Row]:
        table = self._schema.relations.get(row.table)
        if table:
            yield from (target for _, target in self._referred(table, row))

    def _row_of(self, table: str, columns: tuple[str, ...], values: tuple[str | None, ...]) -> Row | None:
        if (table, columns) not in self._found:
            self._found[table, columns] = {
                tuple(row.values.get(column) or "" for column in columns): row
                for row in self._worlds.by_table.get(table, ())
            }
        return self._found[table, columns].get(tuple(value or "" for value in values))

    @cached_property
    def _children(self) -> Mapping[str, tuple[Table, ...]]:
        found: dict[str, list[Table]] = {}
        for table in self._schema.tables.values():
            for parent in table.parents:
                found.setdefault(parent, []).append(table)
        return {parent: tuple(tables) for parent, tables in found.items()}

    def _family(self, table: Table) -> Iterator[int]:
        yield table.oid
        for child in self._children.get(table.name, ()):
            yield from self._family(child)


def _seen_as(row: Row, table: Table) -> Row:
    return replace(row, values={name: text for name, text in row.values.items() if name in table.by_name})
