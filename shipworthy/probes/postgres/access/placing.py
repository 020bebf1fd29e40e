"""What a row's columns must be, so that it belongs to one world and to one person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4, uuid5

from shipworthy.probes.postgres.access.comparisons import Place
from shipworthy.probes.postgres.access.order import is_required
from shipworthy.probes.postgres.access.ownership import Ownership
from shipworthy.probes.postgres.access.people import ADMIN, NAMESPACE, Person, person
from shipworthy.probes.postgres.access.schema import Column, Reference, Schema, Table

Values = dict[str, str | None]


@dataclass(slots=True)
class Placed:
    """A row that is in its table, and whose it is."""

    table: str
    world: str
    person: Person | None
    values: Values
    token: str
    adopted: bool = False
    """A trigger or a migration made it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Whose a row shall be, and what is settled about it."""

    world: str
    person: Person | None
    fixed: Mapping[str, str | None]
    parents: Mapping[str, Placed]
    """Name of a foreign key to the row that it shall point to."""


class NoParentError(Exception):
    """A row needs another one that could not be made."""


class Population:
    """The rows of both worlds so far."""

    def __init__(self) -> None:
        self.by_table: dict[str, list[Placed]] = defaultdict(list)

    def add(self, row: Placed) -> None:
        """Add a row."""
        self.by_table[row.table].append(row)

    def __iter__(self) -> Iterator[Placed]:
        return (row for rows in self.by_table.values() for row in rows)

    def of(self, table: str, world: str, who: Person | None = None) -> list[Placed]:
        """Give the rows of a table in a world; those of a person first, then those of nobody in it."""
        rows = [row for row in self.by_table.get(table, ()) if row.world == world]
        return sorted(rows, key=lambda row: (row.person != who, row.person is not None, row.adopted))

    def has(self, table: str, values: Mapping[str, str | None], key: Sequence[str]) -> Placed | None:
        """Find a row by its key."""
        if not key:
            return None
        wanted = [values.get(column) for column in key]
        same = (r for r in self.by_table.get(table, ()) if [r.values.get(c) for c in key] == wanted)
        return next(same, None)


class Placing:
    """Finds the columns of rows that refer to their world: users, parents, tenants."""

    def __init__(self, schema: Schema, ownership: Ownership, population: Population) -> None:
        self.schema, self.ownership, self.population = schema, ownership, population
        self.missing: dict[str, str] = {}
        self.open: list[tuple[Placed, Reference]] = []
        self._taken: set[tuple[str, str, int]] = set()
        """Rows of nobody's to which only one row can refer, with the table and key that does."""
        self.severed: set[tuple[str, str]] = set()
        """Foreign keys that are taken off until everything is there: table and name."""

    def fixed(self, table: Table, spot: Spot) -> Values:
        """Give the columns of a row that are not free.

        Raises:
            NoParentError: something that the row must refer to is not there.

        """
        values: Values = dict(spot.fixed)
        self._users(table, spot, values)
        for reference in sorted(table.references, key=lambda r: self._rank(r, spot)):
            self._refer(table, reference, spot, values)
        for column in table.columns:
            place = Place(table.name, column.name)
            if column.name in values or column.generated:
                continue
            if place in self.ownership.tenant_keys:
                key = self.tenant_key(place, spot.world)
                values[column.name] = f"{{{key}}}" if column.type.kind == "array" else key
            elif target := self.ownership.soft.get(place):
                self._softly(column, target, spot, values)
        return values

    def _rank(self, reference: Reference, spot: Spot) -> tuple[bool, bool, int, str]:
        """Order foreign keys: what is settled, the tenant, then the more exact before the less."""
        settled = reference.name in spot.parents
        return (
            not settled,
            reference.target not in self.ownership.roots,
            -len(reference.columns),
            reference.name,
        )

    def tenant_key(self, place: Place, world: str) -> str:
        """Give the value by which a world's rows name a tenant that no table holds."""
        leader = self.ownership.tenant_keys[place]
        column = self.schema.tables[leader.owner].by_name[leader.name]
        return made_key(column, f"{leader.owner} {leader.name} {world}")

    def _users(self, table: Table, spot: Spot, values: Values) -> None:
        if not spot.person:
            return
        for name in self.ownership.user_columns.get(table.name, ()):
            column = table.by_name[name]
            if not column.generated:
                own = spot.person.id
                values.setdefault(name, f"{{{own}}}" if column.type.kind == "array" else own)
        for name in self.ownership.email_columns.get(table.name, ()):
            values.setdefault(name, spot.person.email)

    def _refer(self, table: Table, reference: Reference, spot: Spot, values: Values) -> None:
        if (table.name, reference.name) in self.severed:
            for column in reference.columns:
                values.setdefault(column, made_key(table.by_name[column], f"{table.name} {spot.world}"))
            return
        chosen = spot.parents.get(reference.name) or self._parent(table, reference, spot, values)
        if chosen:
            pairs = zip(reference.columns, reference.target_columns, strict=True)
            values.update({column: chosen.values.get(target) for column, target in pairs})
        elif not is_required(table, reference):
            free = [c for c in reference.columns if not table.by_name[c].not_null]
            if not all(values.get(c) for c in reference.columns) or reference.target != "auth.users":
                values.update(dict.fromkeys(free))
        elif reference.target == table.name:
            self._refer_to_self(table, reference, values)
        elif reference.target != "auth.users":
            reason = self.missing.get(reference.target)
            raise NoParentError(
                f"no row of its parent {reference.target}" + (f": {reason}" if reason else "")
            )

    def _parent(self, table: Table, reference: Reference, spot: Spot, values: Values) -> Placed | None:
        alone = reference.target not in self.ownership.owned and is_one_to_one(table, reference)
        keyed = {c for r in table.references for c in r.columns if values.get(c)}

        def strangeness(row: Placed) -> int:
            """Count the columns by which the row is of another tenant of the same world."""
            return sum(row.values.get(c) not in {None, values[c]} for c in keyed if c in row.values)

        rows = sorted(self.candidates(reference, spot), key=strangeness)
        # A less exact key that was followed before gives way to a more exact one.
        settled = {*spot.fixed, *self.ownership.user_columns.get(table.name, ())}
        for held in (values, {c: v for c, v in values.items() if c in settled}):
            for row in rows:
                pairs = zip(reference.columns, reference.target_columns, strict=True)
                taken = alone and (table.name, reference.name, id(row)) in self._taken
                if not taken and all(held.get(c) in {None, row.values.get(t)} for c, t in pairs):
                    self._taken.add((table.name, reference.name, id(row)))
                    return row
        return None

    def candidates(self, reference: Reference, spot: Spot) -> list[Placed]:
        """Give the rows that a foreign key may point to, the likeliest first."""
        if reference.target not in self.ownership.owned and reference.target in self.schema.tables:
            return self.population.of(reference.target, "")
        rows = self.population.of(reference.target, spot.world, spot.person) if spot.world else []
        if reference.target in self.ownership.roots:
            rows.sort(key=lambda row: row.adopted)  # the tenant that everyone is in, not a personal one
        own = self.population.of(reference.target, "") if spot.person else []
        return [*rows, *(row for row in own if row.person == spot.person)]

    def _softly(self, column: Column, target: Place, spot: Spot, values: Values) -> None:
        world = spot.world if target.owner in self.ownership.owned else ""
        rows = self.population.of(target.owner, world, spot.person)
        if rows:
            value = rows[0].values.get(target.name)
            values[column.name] = f"{{{value}}}" if column.type.kind == "array" else value

    def _refer_to_self(self, table: Table, reference: Reference, values: Values) -> None:
        for column, target in zip(reference.columns, reference.target_columns, strict=True):
            own = values.get(target) or made_key(table.by_name[target], str(uuid4()))
            values[target] = values[column] = own

    def note_open(self, table: Table, row: Placed) -> None:
        """Remember which of a row's foreign keys wait for rows that come later."""
        for reference in table.references:
            severed = (table.name, reference.name) in self.severed
            empty = all(row.values.get(column) is None for column in reference.columns)
            if severed or (empty and reference.target != table.name and row.world and not row.adopted):
                self.open.append((row, reference))

    def others(self, table: Table, spot: Spot) -> Values:
        """Give what a row holds where the same person or row must not stand in two of its columns."""
        values: Values = {}
        columns = self.ownership.user_columns.get(table.name, ())
        if spot.person and columns[1:]:
            neighbour = person("member" if spot.person.name == ADMIN else ADMIN, spot.world)
            values |= {column: neighbour.id for column in columns[1:] if column not in spot.fixed}
        seen: set[str] = set()
        for reference in table.references:
            rows = self.candidates(reference, spot) if reference.target in seen else []
            if rows[1:] and not {*reference.columns} & {*columns}:
                pairs = zip(reference.columns, reference.target_columns, strict=True)
                values |= {column: rows[1].values.get(target) for column, target in pairs}
            seen.add(reference.target)
        return values


def is_one_to_one(table: Table, reference: Reference) -> bool:
    """Tell whether no two rows can refer to the same one."""
    return any({*key.columns} <= {*reference.columns} and not key.predicate for key in table.keys)


def made_key(column: Column, name: str) -> str:
    """Make a value that names one thing, of a column's type."""
    number = uuid5(NAMESPACE, name)
    kind = column.type.element or column.type
    if kind.base == "uuid":
        return str(number)
    if kind.base in {"int2", "int4", "int8", "numeric"}:
        return str(number.int % (30_000 if kind.base == "int2" else 1_000_000_000) + 1)
    return f"tenant{number.hex[:8]}"


def fan_out(candidates: Iterable[Placed]) -> list[Placed]:
    """Keep those of the candidates that are as near as the first one: the variants of one parent."""
    rows = list(candidates)
    return [row for row in rows if row.person == rows[0].person and row.adopted == rows[0].adopted]
