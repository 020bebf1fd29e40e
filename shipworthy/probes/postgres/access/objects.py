"""Where objects of storage lie: paths in the shapes that the policies expect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shipworthy.probes.postgres.access.comparisons import EQUAL, USER, Block, Comparisons, Place
from shipworthy.probes.postgres.access.model import A, B
from shipworthy.probes.postgres.access.ownership import Ownership
from shipworthy.probes.postgres.access.people import LIVING, Person, person
from shipworthy.probes.postgres.access.placing import Placing, Population, Spot
from shipworthy.probes.postgres.access.schema import Schema
from shipworthy.probes.postgres.access.wishes import Wish

OBJECTS, BUCKETS = "storage.objects", "storage.buckets"
NO_STEP = "none"
SHAPES = 4
"""So many shapes of paths of one bucket at most."""
BUCKET = Place(OBJECTS, "bucket_id")


@dataclass(frozen=True, slots=True)
class Shape:
    """A path as one policy expects it."""

    buckets: frozenset[str]
    """That the policy names; empty where it is for all."""
    steps: tuple[tuple[str, str | Place], ...]
    """Part of the path (``1``, ``2``, ``file``, or empty for all of it) to a literal, a column, or a claim
    with ``$`` before it."""


class ObjectPaths:
    """The objects that the two worlds shall have."""

    def __init__(
        self,
        schema: Schema,
        found: Comparisons,
        ownership: Ownership,
        population: Population,
        placing: Placing,
    ) -> None:
        self._schema, self._found, self._ownership = schema, found, ownership
        self._population, self._placing = population, placing
        self._shapes = tuple(dict.fromkeys(self._read()))

    @property
    def named_buckets(self) -> tuple[str, ...]:
        """Give the buckets that policies name."""
        return tuple(sorted({bucket for shape in self._shapes for bucket in shape.buckets}))

    @property
    def needs(self) -> frozenset[str]:
        """Give the tables whose rows the paths name."""
        places = (meant for shape in self._shapes for _, meant in shape.steps if isinstance(meant, Place))
        found = {place for place in places if place.owner != OBJECTS}
        return frozenset({p.owner for p in found} | {self._ownership.soft.get(p, p).owner for p in found})

    def wishes(self, buckets: Iterable[str]) -> Iterator[Wish]:
        """Give the objects of both worlds: in every bucket, in every shape, of everyone."""
        for bucket in buckets:
            fitting = [s.steps for s in self._shapes if not s.buckets or bucket in s.buckets]
            shapes = list(dict.fromkeys(steps for steps in fitting if steps))[:SHAPES]
            for world in (A, B):
                for name in LIVING:
                    who = person(name, world)
                    for steps in shapes or [(("1", f"${USER}"),)]:
                        path = self._path(dict(steps), who)
                        fixed = {"bucket_id": bucket, "name": path, "owner": who.id, "owner_id": who.id}
                        yield Wish(Spot(world, who, fixed, {}))

    def _read(self) -> Iterator[Shape]:
        for block in self._found.blocks.values():
            if block.source == OBJECTS and block.outer:
                yield self._shape(block)

    def _shape(self, block: Block) -> Shape:
        literals = [
            (c.ref.place, c.value)
            for c in self._found.compared
            if self._inside(c.block, block) and c.positive and c.operator == EQUAL
        ]
        buckets = frozenset(value for place, value in literals if place == BUCKET)
        steps: dict[str, str | Place] = {_step(p): v for p, v in reversed(literals) if _step(p) != NO_STEP}
        for ref, other in (pair for link in self._found.links for pair in (link, link[::-1])):
            meant = self._found.meets(other.place, without=OBJECTS) if other.place.owner != OBJECTS else ()
            if meant and ref.block == block.number and _step(ref.place) != NO_STEP:
                steps[_step(ref.place)] = meant[0]
        for ref, claim in self._found.tied:
            if ref.block == block.number and _step(ref.place) != NO_STEP:
                steps[_step(ref.place)] = f"${claim}"
        return Shape(buckets, tuple(sorted(steps.items(), key=lambda item: item[0])))

    def _inside(self, number: int, block: Block) -> bool:
        return self._found.blocks[number].within(block.number)

    def _path(self, steps: Mapping[str, str | Place], who: Person) -> str:
        token = Wish.token()
        if "" in steps:
            whole = self._value(steps[""], who)
            if whole and isinstance(steps[""], Place):
                return whole
            prefix = (whole or "").partition("%")[0].strip("/")
            return f"{prefix}/{token}.txt" if prefix else f"{token}.txt"
        folders = [int(step) for step in steps if step.isdigit()]
        parts = [
            self._value(steps.get(str(number), ""), who) or f"{token}{number}"
            for number in range(1, max(folders, default=0) + 1)
        ]
        return "/".join([*parts, self._value(steps.get("file", ""), who) or f"{token}.txt"])

    def _value(self, meant: str | Place, who: Person) -> str | None:
        if isinstance(meant, Place):
            return column_value(self._schema, self._ownership, self._placing, meant, who)
        if meant == f"${USER}":
            return who.id
        if meant.startswith("$"):
            place = self._ownership.claims.get(meant[1:])
            return (
                column_value(self._schema, self._ownership, self._placing, place, who) if place else who.email
            )
        return meant or None


def column_value(
    schema: Schema, ownership: Ownership, placing: Placing, place: Place, who: Person
) -> str | None:
    """Give what stands in a column of the rows of someone's world."""
    if place in ownership.tenant_keys:
        return placing.tenant_key(place, who.world)
    if place.name in ownership.user_columns.get(place.owner, ()):
        return who.id
    target = ownership.soft.get(place, place)
    for reference in schema.tables[place.owner].references if place.owner in schema.tables else ():
        pairs = dict(zip(reference.columns, reference.target_columns, strict=True))
        if place.name in pairs:
            target = Place(reference.target, pairs[place.name])
    rows = placing.population.of(target.owner, who.world, who)
    return rows[0].values.get(target.name) if rows else None


def _step(place: Place) -> str:
    """Give the part of the path that a place is."""
    match = re.fullmatch(r"name(?:/(\d+|file|))?", place.name) if place.owner == OBJECTS else None
    return (match[1] or "") if match else NO_STEP
