"""Reads the rows of finished worlds as they stand, also those that triggers made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import psycopg

from shipworthy.probes.postgres.access.ownership import Ownership
from shipworthy.probes.postgres.access.people import Person
from shipworthy.probes.postgres.access.placing import Placed, Population
from shipworthy.probes.postgres.access.schema import Schema, Table
from shipworthy.probes.postgres.access.values import quoted

AT_MOST = 200
"""So many rows of a table that triggers or migrations made are looked at."""

Found = tuple[str, dict[str, str | None]]
"""A row as it stands: its key (``tableoid::text || ctid::text``) and its values."""


def read_rows(connection: psycopg.Connection[Any], tables: Iterable[Table]) -> dict[str, list[Found]]:
    """Read the rows of tables, a bounded number of each, in one statement for many of them."""
    found: dict[str, list[Found]] = {}
    named = {str(number): table for number, table in enumerate(tables)}
    for part in _parts(list(named.items()), 50):
        text = " union all ".join(_query(number, table) for number, table in part)
        for number, key, values in connection.execute(text.encode()):
            table = named[number]
            names = (column.name for column in table.columns)
            found.setdefault(table.name, []).append((key, dict(zip(names, values, strict=True))))
    return found


def _query(number: str, table: Table) -> str:
    columns = ", ".join(f"t.{column.name}::text" for column in table.columns)
    values = f"array[{columns}]" if columns else "'{}'::text[]"
    what = f"{quoted(number)}, t.tableoid::text || t.ctid::text, {values}"
    return f"(select {what} from {table.name} as t limit {AT_MOST})"  # noqa: S608 - the schema's own names


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


class Tags:
    """Tells whose a row is that nobody placed: by the users and rows that it refers to."""

    def __init__(
        self, schema: Schema, ownership: Ownership, population: Population, people: Iterable[Person]
    ) -> None:
        self._schema, self._ownership, self._population = schema, ownership, population
        self._people = {person.id: person for person in people}

    def adopt(self, table: Table, values: Mapping[str, str | None]) -> Placed | None:
        """Give the row its place; None where nobody can tell, or where it is of both worlds.

        What belongs to someone who lives in neither (a stranger's profile) is of no world.
        """
        token = uuid4().hex
        if table.name not in self._ownership.owned:
            return Placed(table.name, "", None, dict(values), token, adopted=True)
        columns = self._ownership.user_columns.get(table.name, ())
        users = [self._people[value] for c in columns if (value := values.get(c) or "") in self._people]
        parents = list(self._parents(table, values))
        worlds = {p.world for p in users if p.world} | {row.world for row in parents if row.world}
        owner = users[0] if users else next((row.person for row in parents if row.person), None)
        if not worlds and owner:
            return Placed(table.name, "", owner, dict(values), token, adopted=True)
        if len(worlds) != 1:
            return None
        return Placed(table.name, worlds.pop(), owner, dict(values), token, adopted=True)

    def _parents(self, table: Table, values: Mapping[str, str | None]) -> Iterator[Placed]:
        for reference in table.references:
            wanted = {
                t: values.get(c) for c, t in zip(reference.columns, reference.target_columns, strict=True)
            }
            if all(wanted.values()):
                rows = self._population.by_table.get(reference.target, ())
                yield from (row for row in rows if all(row.values.get(t) == v for t, v in wanted.items()))
        for place, target in self._ownership.soft.items():
            if place.owner == table.name and (value := values.get(place.name)):
                rows = self._population.by_table.get(target.owner, ())
                yield from (row for row in rows if row.values.get(target.name) == value)
