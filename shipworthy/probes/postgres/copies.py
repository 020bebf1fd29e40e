"""The rows that an intruder would try to write: copies of another tenant's, and own ones moved there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import psycopg

from shipworthy.probes.postgres.personas import OWNER, Persona
from shipworthy.probes.postgres.tables import Table, referenced_row, row_values

WHOLE = "into the other tenant"
AS_SELF = "into the other tenant, in the own name"
ANY_ROW = "a copy of a row"
NUMBERS = frozenset({"smallint", "integer", "bigint"})

Values = dict[str, str | None]


class Copies:
    """Makes such rows for one database.

    What ties a row to the other member: foreign keys to rows that only the other sees, and
    ``uuid`` columns that hold the other's user id or the key of such a row.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        tables: Mapping[str, Table],
        sights: Mapping[tuple[str, str], frozenset[str]],
    ) -> None:
        self._connection = connection
        self._tables = tables
        self.sights = sights
        self._ids: dict[str, dict[str, set[str]]] = {}

    def inserts(self, table: Table, persona: Persona, other: Persona) -> Iterator[tuple[str, Values]]:
        """Give (case, values) of rows to insert."""
        source = self._source(table, persona, other)
        if not source:
            return
        ties = self._ties(table, source, persona, other) if persona.user else []
        fresh = self._with_fresh_keys(table, source, {column for tie in ties for column in tie})
        yield (WHOLE if ties else ANY_ROW), fresh
        own = {column for column, value in source.items() if value == str(other.user)}
        if persona.user and own and any(not set(tie) <= own for tie in ties):
            yield AS_SELF, fresh | dict.fromkeys(own, str(persona.user))

    def moves(self, table: Table, persona: Persona, other: Persona) -> Iterator[tuple[str, Values]]:
        """Give (case, new values) that would bring the persona's own rows to the other tenant."""
        source = self._source(table, persona, other)
        if not source or not self.sights[persona.name, table.name]:
            return
        ties = self._ties(table, source, persona, other)
        tied = list(dict.fromkeys(column for tie in ties for column in tie))
        own = {column for column in tied if source[column] == str(other.user)}
        if tied:
            yield WHOLE, {column: source[column] for column in tied}
        if own and set(tied) - own:
            yield AS_SELF, {column: source[column] for column in tied if column not in own}
        for tie in ties if len(ties) > 1 else ():
            if set(tie) <= own:
                continue  # a row handed over to a user, as owners do who add members, stays in its tenant
            yield f"under the other's {', '.join(tie)}", {column: source[column] for column in tie}

    def _source(self, table: Table, persona: Persona, other: Persona) -> Values:
        """Choose the row to copy: one that only the other sees, or else any."""
        everyone = self.sights[OWNER.name, table.name]
        theirs = self.sights[other.name, table.name]
        foreign = theirs - self.sights.get((persona.name, table.name), frozenset())
        keys = sorted((foreign if persona.user else theirs) or theirs or everyone)
        return row_values(self._connection, table, keys[0]) if keys else {}

    def _ties(self, table: Table, values: Values, persona: Persona, other: Persona) -> list[tuple[str, ...]]:
        ties = []
        for reference in table.references:
            target = self._tables.get(reference.table)
            row = referenced_row(self._connection, reference, target, values) if target else None
            if row and row in self._only(persona, other, reference.table):
                ties.append(reference.columns)
        covered = {column for tie in ties for column in tie}
        owned = self._ids_of(persona, other)
        for column in table.columns:
            value = values.get(column.name) if column.type == "uuid" else None
            if value and column.name not in covered and owned.get(value, set()) - {table.name}:
                ties.append((column.name,))
        return ties

    def _only(self, persona: Persona, other: Persona, table: str) -> frozenset[str]:
        return self.sights[other.name, table] - self.sights[persona.name, table]

    def _ids_of(self, persona: Persona, other: Persona) -> dict[str, set[str]]:
        """Give the uuid keys of what only the other sees, each with the tables that it is a key of."""
        if persona.name not in self._ids:
            ids: dict[str, set[str]] = {str(other.user): {"auth.users"}}
            for table in self._tables.values():
                for row in self._only(persona, other, table.name) if table.uuid_keys else ():
                    values = row_values(self._connection, table, row)
                    for key in table.uuid_keys:
                        ids.setdefault(values[key] or "", set()).add(table.name)
            self._ids[persona.name] = ids
        return self._ids[persona.name]

    def _with_fresh_keys(self, table: Table, source: Values, tied: set[str]) -> Values:
        values = dict(source)
        for column in table.columns:
            if (
                not column.distinguishing
                or column.name in tied | table.referring
                or values[column.name] is None
            ):
                continue
            if column.type == "uuid":
                values[column.name] = str(uuid4())
            elif column.type in NUMBERS:
                values[column.name] = "32000"
            elif column.type == "text":
                values[column.name] = f"{values[column.name]}-{uuid4().hex[:8]}"
        return values
