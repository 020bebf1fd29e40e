"""Two worlds in a database, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from shipworthy.house import HOUSE
from shipworthy.probes.postgres.access.model import A, B, Worlds
from shipworthy.probes.postgres.personas import Persona, acting_as

SCHEMAS = Path(__file__).parents[2] / "schemas"


@dataclass(frozen=True)
class Built:
    """Two worlds, and the database that they are in."""

    connection: psycopg.Connection[Any]
    worlds: Worlds

    def reads(self, persona: Persona, table: str) -> set[str]:
        """Give the tokens of the rows that a persona reads."""
        keys = {row.key: row.token for row in self.worlds.rows}
        with acting_as(self.connection, persona):
            found = self.connection.execute(f"select tableoid::text || ctid::text from {table}").fetchall()
        return {keys[key] for (key,) in found if key in keys}

    def tokens(self, table: str, world: str, person: Persona | None = None) -> set[str]:
        rows = self.worlds.of(table, world)
        return {row.token for row in rows if not person or row.person == str(person.user)}


Build = Callable[..., Built]


def project_of(name: str) -> Path:
    return HOUSE / "supabase" if name == "reference" else SCHEMAS / name / "supabase"


def assert_isomorphic(worlds: Worlds) -> None:
    """Hold two worlds to the same tables with as many rows, each of a world or of nobody."""
    counts = {world: {t: len(worlds.of(t, world)) for t in worlds.owned} for world in (A, B)}
    assert counts[A] == counts[B]
    assert {table for table, count in counts[A].items() if not count} <= set(worlds.missing)
    assert all(row.world in {A, B, ""} for row in worlds.rows)
    assert len({row.key for row in worlds.rows}) == len(worlds.rows)
    assert len({row.token for row in worlds.rows}) == len(worlds.rows)
