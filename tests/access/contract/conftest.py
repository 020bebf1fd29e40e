"""Matrices by hand: who reached what, as if it had been tried."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from shipworthy.probes.postgres.access.audiences import Measured, read_audiences
from shipworthy.probes.postgres.access.contract import Contract, parse_contract
from shipworthy.probes.postgres.access.model import (
    OTHER,
    OWN,
    AccessMatrix,
    Cell,
    People,
    Row,
    Variant,
    Worlds,
)
from shipworthy.probes.postgres.personas import ANONYMOUS, SERVICE, member

PEOPLE = People(
    anon=ANONYMOUS,
    anonymous=member("anonymous sign-in", uuid.UUID(int=1)),
    stranger=member("stranger", uuid.UUID(int=2)),
    member=member("member", uuid.UUID(int=3)),
    admin=member("admin", uuid.UUID(int=4)),
    both=None,
    former=None,
    service=SERVICE,
)
COMMANDS = ("select", "insert", "update", "delete")
DRAFT = Variant("status", "draft")
PUBLISHED = Variant("status", "published")


class Made:
    """Tables with rows in two worlds, and what each persona reached of them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.cells: list[Cell] = []
        self.owned: set[str] = set()

    def table(self, name: str, *, people: tuple[str, ...] = ("",), sides: tuple[Variant, ...] = ()) -> str:
        """Make rows of both worlds: one for each of these people and sides; ``""`` is nobody's own."""
        self.owned.add(name)
        ids = {"": None, "member": str(PEOPLE.member.user), "admin": str(PEOPLE.admin.user)}
        for world in "AB":
            for person in people:
                for variants in [(side,) for side in sides] or [()]:
                    key = f"{name}:{world}:{person}:{variants}"
                    tied = ids[person] if world == "A" else person or None
                    self.rows.append(Row(name, key, world, tied, variants, {}, key))
        return name

    def reached(
        self, table: str, command: str, persona: str, own: int = 0, other: int = 0, *, opened_by: str = ""
    ) -> None:
        self.cells.append(self._cell(table, command, persona, OWN, own, opened_by))
        self.cells.append(self._cell(table, command, persona, OTHER, other, opened_by))

    def _cell(self, table: str, command: str, persona: str, scope: str, rows: int, opened_by: str) -> Cell:
        of = len([row for row in self.rows if row.table == table and row.world == "A"]) or 2
        outcome, saw = ("reached", f"{rows} rows") if rows else ("denied", "42501 permission denied")
        kind = "table" if any(row.table == table for row in self.rows) else "view"
        return Cell(
            table, kind, persona, command, scope, "", outcome, rows, of, saw, opened_by if rows else ""
        )

    @property
    def worlds(self) -> Worlds:
        return Worlds(PEOPLE, tuple(self.rows), frozenset(self.owned), frozenset(), frozenset())

    @property
    def matrix(self) -> AccessMatrix:
        tried = {(c.relation, c.command, c.persona) for c in self.cells}
        kinds = {c.relation: c.kind for c in self.cells}
        rest = [
            Cell(table, kind, persona, command, scope, "", "denied", 0, 2, "42501 permission denied")
            for table, kind in ({row.table: "table" for row in self.rows} | kinds).items()
            for command in COMMANDS
            for persona in ("anon", "anonymous sign-in", "stranger", "member", "admin", "service_role")
            for scope in (OWN, OTHER)
            if (table, command, persona) not in tried
        ]
        return AccessMatrix((*self.cells, *rest))

    @property
    def measured(self) -> Measured:
        return Measured(read_audiences(self.matrix, self.worlds), ())


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.fixture
def contract() -> Callable[[str], Contract]:
    """Parse a contract, its version added."""
    return lambda text: parse_contract(f"version = 1\n{text}", Path("access.toml"))
