"""Objects of storage, bucket by bucket: whose they are, and what is tried on them.

Everyone downloads from a public bucket by path, whatever the policies say; where an object lies matters
only in buckets whose policies ask for the path; who put it there only where they ask whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from shipworthy.probes.postgres.access.model import OTHER, OWN, A, B, Row
from shipworthy.probes.postgres.access.runner import Attempt
from shipworthy.probes.postgres.access.schema import Table
from shipworthy.probes.postgres.access.trial import Scene, Trial
from shipworthy.probes.postgres.access.writing import deletes, having, inserts, keys_of, updates
from shipworthy.probes.postgres.buckets import Bucket, ObjectPolicy
from shipworthy.probes.postgres.personas import Persona

OBJECTS = "storage.objects"


def in_bucket(name: str) -> str:
    """Name the case of what is tried in one bucket."""
    return f"in bucket {name}"


@dataclass(frozen=True)
class Filing:
    """What the buckets and the policies on objects say about the objects of both worlds."""

    scene: Scene
    buckets: tuple[Bucket, ...]
    policies: tuple[ObjectPolicy, ...]

    def trials(self, persona: Persona) -> Iterator[Trial]:
        """Read, change, delete, add and move objects, in every bucket where it matters to someone."""
        for bucket in self.buckets:
            there = [row for row in self.scene.subject.rows if row.values.get("bucket_id") == bucket.name]
            yield from self._selects(persona, bucket, there)
            if any(policy.per_object for policy in self._about(bucket)):
                yield from self._changes(persona, bucket, [row for row in there if self._is_someones(row)])
            if any(policy.by_path for policy in self._about(bucket)):
                yield from self._landings(persona, bucket, [row for row in there if self._folder(row)])

    def _selects(self, persona: Persona, bucket: Bucket, rows: Iterable[Row]) -> Iterator[Trial]:
        aims = self._aims(persona, () if bucket.public else (row for row in rows if self._is_someones(row)))
        if aims:
            statement = keys_of(OBJECTS, having(self._table, {"bucket_id": bucket.name}))
            attempt = Attempt(persona, statement, reads=True)
            yield Trial(persona, "select", in_bucket(bucket.name), attempt, aims)

    def _changes(self, persona: Persona, bucket: Bucket, rows: Iterable[Row]) -> Iterator[Trial]:
        aims = self._aims(persona, rows)
        column = self.scene.neutral_column(persona)
        where = having(self._table, {"bucket_id": bucket.name})
        statements = {"delete": deletes(self._table, where)}
        if column:
            values = {column.name: self.scene.example.values.get(column.name)}
            statements["update"] = updates(self._table, values, where)
        for command, statement in statements.items() if aims else ():
            yield replace(self.scene.changes(persona, command, in_bucket(bucket.name), statement), aims=aims)

    def _landings(self, persona: Persona, bucket: Bucket, rows: list[Row]) -> Iterator[Trial]:
        """Add objects to the folders of both worlds, and move own ones to those of the other."""
        theirs = A if persona == self.scene.worlds.people.former else B
        own = [row for row in rows if self.scene.belonging.is_own(row, persona)]
        folders = {self._folder(row): OWN for row in own}
        folders |= {self._folder(row): OTHER for row in rows if row.world == theirs and row not in own}
        case, who = in_bucket(bucket.name), str(persona.user) if persona.user else None
        for folder, scope in folders.items():
            name = f"{folder}/shipworthy.txt"
            look = keys_of(OBJECTS, having(self._table, {"bucket_id": bucket.name, "name": name}))
            # The Storage API itself says whose a new object is: its caller's.
            owner = {column: who for column in ("owner", "owner_id") if column in self._table.by_name}
            adding = inserts(self._table, {"bucket_id": bucket.name, "name": name, **owner})
            yield Trial(persona, "insert", case, Attempt(persona, adding, look=look), lands=scope)
            for row in own if scope == OTHER else ():
                moving = updates(self._table, {"name": name}, having(self._table, self._place(row)))
                yield Trial(persona, "move", case, Attempt(persona, moving, look=look), lands=scope)

    @property
    def _table(self) -> Table:
        return self.scene.table

    def _about(self, bucket: Bucket) -> Iterator[ObjectPolicy]:
        return (policy for policy in self.policies if policy.reaches(bucket))

    def _aims(self, persona: Persona, rows: Iterable[Row]) -> Mapping[str, frozenset[str]]:
        keys = frozenset(row.key for row in rows)
        shares = self.scene.shares(persona)
        return {scope: share & keys for scope, share in shares.items() if share & keys}

    def _is_someones(self, row: Row) -> bool:
        """Tell whether the path names something of one world; in a folder for all, nothing does."""
        return bool({*self._parts(row)} & self._telling.get(row.world, frozenset()))

    def _folder(self, row: Row) -> str:
        """Give the folder of an object where that says whose it is."""
        folder, _, _ = (row.values.get("name") or "").rpartition("/")
        return folder if {*folder.split("/")} & self._telling.get(row.world, frozenset()) else ""

    def _parts(self, row: Row) -> Iterator[str]:
        for part in (row.values.get("name") or "").split("/"):
            yield from (part, part.partition(".")[0])

    def _place(self, row: Row) -> Mapping[str, str | None]:
        return {column: row.values.get(column) for column in ("bucket_id", "name")}

    @cached_property
    def _telling(self) -> Mapping[str, frozenset[str]]:
        """World to the texts that stand in its rows and in none of another."""
        found: dict[str, set[str]] = {A: set(), B: set(), "": set()}
        for row in self.scene.worlds.rows:
            if row.table != OBJECTS:
                found[row.world].update(text for text in row.values.values() if text)
        for person, world in self.scene.belonging.persons.items():
            found[world].add(person)
        return {
            world: frozenset(texts.difference(*(found[other] for other in found if other != world)))
            for world, texts in found.items()
            if world
        }
