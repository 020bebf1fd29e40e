"""Whether what a persona reached was meant: by the contract, or by the rules that hold without one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from shipworthy.probes.postgres.access.audience import Audience, opening
from shipworthy.probes.postgres.access.contract import Access, Contract
from shipworthy.probes.postgres.access.model import OTHER, OWN, AccessMatrix, Cell, Worlds
from shipworthy.probes.postgres.personas import Persona

NEEDED = {"upsert": ("insert", "update"), "move": ("insert", "update")}
"""What a command is made of that the contract has no word for."""


@dataclass(frozen=True)
class Intent:
    """What is meant to be reached. Tables that the contract does not name go by the built-in rules."""

    contract: Contract
    matrix: AccessMatrix
    worlds: Worlds

    def allows(self, relation: str, command: str, persona: str, scope: str, opened_by: str = "") -> bool:
        """Tell whether it is right that a persona reached rows.

        Args:
            relation: as in ``Cell.relation``.
            command: as in ``Cell.command``.
            persona: its name.
            scope: ``own``, ``other`` or ``self``.
            opened_by: the variant that all reached rows were of; empty where they were of both sides.

        """
        if persona == self.worlds.people.service.name:
            return True
        access = self.contract.tables.get(relation)
        if access is None:
            return self._allowed_undeclared(relation, command, persona, scope, opened_by)
        return all(
            self._declared(access, sql, persona, scope, opened_by) for sql in NEEDED.get(command, (command,))
        )

    def demands(self, cell: Cell) -> bool:
        """Tell whether the contract says that what the cell is about is reached."""
        access = self.contract.tables.get(cell.relation, {})
        return bool(cell.of) and any(
            not audience.when and self._belongs(cell.persona, cell.scope, audience)
            for audience in access.get(cell.command, frozenset())
        )

    def judge(self, cell: Cell) -> str:
        """Give ``open`` for a cell that was reached and not meant to be, ``denied`` for the opposite."""
        if cell.reached:
            meant = self.allows(cell.relation, cell.command, cell.persona, cell.scope, cell.opened_by)
            return "open" if not meant or self._changes_what_is_everyones(cell) else ""
        representative = cell.persona in {person.name for person in self._representatives}
        return "denied" if representative and self.demands(cell) else ""

    def _changes_what_is_everyones(self, cell: Cell) -> bool:
        undeclared = cell.relation not in {*self.contract.tables, *self.worlds.owned}
        user = cell.persona != self.worlds.people.service.name
        return undeclared and user and cell.kind == "table" and cell.command in {"update", "delete"}

    def _allowed_undeclared(
        self, relation: str, command: str, persona: str, scope: str, opened_by: str
    ) -> bool:
        """Rows of others are for those whom a flag of the row opens them to: strangers among them."""
        if scope == OTHER:
            return command == "select" and bool(opened_by) and opened_by in self._open_to_strangers(relation)
        return scope == OWN and command != "truncate" and (command == "select" or not self._is_anon(persona))

    def _open_to_strangers(self, relation: str) -> frozenset[str]:
        strangers = {self.worlds.people.anon.name, self.worlds.people.stranger.name}
        return frozenset(
            cell.opened_by
            for cell in self.matrix.tried(relation, "select")
            if cell.persona in strangers and cell.reached
        )

    def _declared(self, access: Access, command: str, persona: str, scope: str, opened_by: str) -> bool:
        reached = opening(opened_by)
        return any(
            audience.when in {"", reached} and self._belongs(persona, scope, audience)
            for audience in access.get(command, frozenset())
        )

    def _belongs(self, persona: str, scope: str, audience: Audience) -> bool:
        if audience.who == "everyone":
            return True
        if audience.who == "users":
            return not self._is_anon(persona)
        if scope != OWN:
            return False
        return persona in (self._admins if audience.who == "admins" else self._members)

    def _is_anon(self, persona: str) -> bool:
        return persona == self.worlds.people.anon.name

    @property
    def _representatives(self) -> tuple[Persona, ...]:
        """Those whom the audiences are read off; of others nothing is promised."""
        return (
            self.worlds.people.anon,
            self.worlds.people.stranger,
            self.worlds.people.member,
            self.worlds.people.admin,
        )

    @cached_property
    def _admins(self) -> frozenset[str]:
        return frozenset({self.worlds.people.admin.name})

    @cached_property
    def _members(self) -> frozenset[str]:
        people = (self.worlds.people.member, self.worlds.people.admin, self.worlds.people.both)
        return frozenset(person.name for person in people if person)
