"""Who reaches what, in the words of the access contract: read off the matrix of what was tried.

The matrix knows personas, the contract knows audiences. What anon reached is everyone's; what a
signed-in stranger reached is every user's; what a member reached of its world is the members' if any of
it was tied to somebody else or to nobody, and its owner's alone if all of it was tied to that member.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.audience import Audience, opening, widest
from shipworthy.probes.postgres.access.contract import COMMANDS, Access, Audiences
from shipworthy.probes.postgres.access.landings import IN_OWN_NAME
from shipworthy.probes.postgres.access.model import OTHER, OWN, AccessMatrix, Cell, Row, Worlds
from shipworthy.probes.postgres.exposure import Function
from shipworthy.probes.postgres.personas import Persona


@dataclass(frozen=True, slots=True)
class RelationAccess:
    """Who reaches the rows of one table or view, by command."""

    relation: str
    kind: str
    access: Access
    told_apart: bool
    """There were rows of the members' world that are not tied to the member: owner and members differ."""
    unproven: Mapping[str, str]
    """Command to the reason why nothing can be said of who is kept from it."""
    crossing: tuple[str, ...] = ()
    """What members reached of the other world and strangers did not: no audience has a name for that."""
    owned: bool = False
    """Its rows belong to someone."""
    told: Mapping[tuple[str, str], Cell] = field(default_factory=dict)
    """Command and audience to the cell that shows how it is for them: one that reached rows, if any did."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """Say what a reviewer has to look at: rows of someone that all users reach, and what has no name."""
        wide = [
            f"{audience} can {'read' if command == 'select' else command} rows of others"
            for command, audiences in self.access.items()
            for audience in audiences
            if self.owned and audience.who in {"everyone", "users"} and not audience.when
        ]
        return (*wide, *self.crossing)


@dataclass(frozen=True, slots=True)
class FunctionAccess:
    """Who may execute one function that the Data API serves."""

    name: str
    """``schema.name``"""
    arguments: tuple[str, ...]
    """The types of its arguments."""
    audiences: Audiences
    service: bool
    """The service role may execute it."""
    security_definer: bool

    @property
    def signature(self) -> str:
        """Tell it from others of the same name, and name it in SQL."""
        return f"{self.name}({','.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that a contract may speak about, as it is."""

    relations: Mapping[str, RelationAccess]
    functions: tuple[FunctionAccess, ...]

    def named(self, name: str) -> tuple[FunctionAccess, ...]:
        """Give the functions that a line of the contract means."""
        return tuple(function for function in self.functions if name in {function.name, function.signature})


def read_audiences(
    matrix: AccessMatrix, worlds: Worlds, exposed: Mapping[str, str] | None = None
) -> dict[str, RelationAccess]:
    """Name the audience of every command on every relation.

    Args:
        matrix: what was tried.
        worlds: on whose rows.
        exposed: further relations, by name to kind: nothing was tried on those that show no row.

    """
    unseen = {**dict.fromkeys(exposed or {}, "it shows no row of either world"), **worlds.missing}
    found = {name: _Relation(name, matrix, worlds).read() for name in matrix.relations}
    for name, reason in unseen.items():
        found.setdefault(name, _unseen(name, (exposed or {}).get(name, "table"), reason))
    return dict(sorted(found.items()))


def _unseen(relation: str, kind: str, reason: str) -> RelationAccess:
    commands = COMMANDS.values()
    nobody: Access = dict.fromkeys(commands, frozenset())
    unproven = dict.fromkeys(commands, reason)
    return RelationAccess(relation, kind, nobody, told_apart=False, unproven=unproven)


@dataclass(frozen=True, slots=True)
class _Relation:
    """One relation of the matrix."""

    relation: str
    matrix: AccessMatrix
    worlds: Worlds

    def read(self) -> RelationAccess:
        kind = next(cell.kind for cell in self.matrix.tried(self.relation, *COMMANDS.values()))
        commands = COMMANDS.values()
        return RelationAccess(
            self.relation,
            kind,
            {command: widest(self._audiences(command)) for command in commands},
            self._told_apart(),
            {command: reason for command in commands if (reason := self._unproven(command))},
            tuple(self._crossing()),
            self.relation in self.worlds.owned,
            dict(self._told()),
        )

    def _told(self) -> Iterator[tuple[tuple[str, str], Cell]]:
        people = self.worlds.people
        speakers = {"everyone": people.anon, "users": people.stranger, "members": people.member}
        speakers |= {"owner": people.member, "admins": people.admin}
        for command in COMMANDS.values():
            for who, persona in speakers.items():
                cells = [c for c in self.matrix.tried(self.relation, command) if c.persona == persona.name]
                if cells:
                    yield (command, who), max(cells, key=lambda cell: (cell.reached, cell.scope == OWN))

    def _audiences(self, command: str) -> Iterator[Audience]:
        people = self.worlds.people
        yield from (Audience("everyone", cell.opened_by) for cell in self._reached(people.anon, command))
        for cell in self._reached(people.stranger, command):
            yield Audience("owner" if self._for_itself(cell) else "users", cell.opened_by)
        theirs = {audience for cell in self._own(people.member, command) for audience in self._whose(cell)}
        yield from theirs
        if any(audience.who == "members" and not audience.when for audience in theirs):
            return
        for cell in self._own(people.admin, command):
            for audience in self._whose(cell, people.admin):
                alone = audience.who == "owner" and (theirs or not self._tied(people.member))
                yield audience if alone else Audience("admins", audience.when)

    def _for_itself(self, cell: Cell) -> bool:
        """Tell whether a stranger's new row is the stranger's own, wherever else it belongs."""
        own = cell.scope == OWN or cell.case == IN_OWN_NAME
        return cell.command == "insert" and own and self.relation in self.worlds.owned

    def _reached(self, persona: Persona, command: str) -> Iterator[Cell]:
        for cell in self.matrix.tried(self.relation, command):
            if cell.persona == persona.name and cell.reached and cell.scope in {OWN, OTHER}:
                yield _normal(cell)

    def _own(self, persona: Persona, command: str) -> Iterator[Cell]:
        return (cell for cell in self._reached(persona, command) if cell.scope == OWN)

    def _whose(self, cell: Cell, persona: Persona | None = None) -> Iterator[Audience]:
        """Tell rows that are tied to the persona from the rest of its world, by how many were reached."""
        rows = self.worlds.of(self.relation, "A")
        tied = self._tied(persona or self.worlds.people.member)
        if not rows:  # a view has no rows of its own
            some_only = cell.rows < cell.of and not cell.opened_by
            yield Audience("owner" if some_only else "members", cell.opened_by)
        elif not tied:
            yield Audience("members", cell.opened_by)
        elif cell.command == "insert" or cell.rows <= sum(_is_of(row, cell.opened_by) for row in tied):
            yield Audience("owner", cell.opened_by)
        else:
            yield from self._mixture(cell, rows, tied)

    def _mixture(self, cell: Cell, rows: Iterable[Row], tied: tuple[Row, ...]) -> Iterator[Audience]:
        """Find the opening that, together with the persona's own rows, gives as many as were reached."""
        rows = tuple(rows)
        keys = {row.key for row in tied}
        if not cell.opened_by and cell.rows < len(rows):
            strangers = self._reached(self.worlds.people.stranger, cell.command)
            known = [stranger.opened_by for stranger in strangers if stranger.opened_by]
            sides = dict.fromkeys(str(variant) for row in rows for variant in row.variants)
            together = {side: keys | {row.key for row in rows if _is_of(row, side)} for side in sides}
            for side in [*known, *(side for side in sides if len(together[side]) == cell.rows)]:
                yield from (Audience("owner"), Audience("members", opening(side)))
                return
        yield Audience("members", cell.opened_by)

    def _tied(self, persona: Persona) -> tuple[Row, ...]:
        return tuple(row for row in self.worlds.of(self.relation, "A") if row.person == str(persona.user))

    def _told_apart(self) -> bool:
        rows = self.worlds.of(self.relation, "A")
        return not rows or len(self._tied(self.worlds.people.member)) < len(rows)

    def _unproven(self, command: str) -> str:
        cells = tuple(self.matrix.tried(self.relation, command))
        if not cells:  # a view that cannot be written to, or a table without a row
            return self.worlds.missing.get(self.relation, "")
        if all(cell.outcome == "unclear" for cell in cells):
            return cells[0].saw
        return "" if any(cell.of for cell in cells) else self.worlds.missing.get(self.relation, "")

    def _crossing(self) -> Iterator[str]:
        people = self.worlds.people
        for command in COMMANDS.values():
            strangers = {cell.opened_by for cell in self._reached(people.stranger, command)}
            for persona in filter(None, (people.member, people.admin)):
                for cell in self._reached(persona, command):
                    if cell.scope == OTHER and not strangers & {"", cell.opened_by}:
                        yield f"{persona.name} can {command} {cell.rows} rows of the other world"


def _normal(cell: Cell) -> Cell:
    return replace(cell, opened_by=opening(cell.opened_by)) if cell.opened_by else cell


def _is_of(row: Row, side: str) -> bool:
    return not side or any(opening(str(variant)) == opening(side) for variant in row.variants)


def read_function_audiences(
    connection: psycopg.Connection[Any], functions: Iterable[Function]
) -> tuple[FunctionAccess, ...]:
    """Tell of every function that the API serves who may execute it; trigger functions cannot be called."""
    served = [function for function in functions if function.exposed and not function.trigger]
    signatures = [f"{function.name}({','.join(function.input_types)})" for function in served]
    rows = connection.execute(
        "select s, has_function_privilege('service_role', s::regprocedure, 'execute')"
        " from unnest(%s::text[]) s",
        [signatures],
    )
    service = {signature for signature, may in rows if may}
    return tuple(
        FunctionAccess(
            function.name,
            tuple(function.input_types),
            _callers(function),
            signature in service,
            function.security_definer,
        )
        for function, signature in zip(served, signatures, strict=True)
    )


def _callers(function: Function) -> Audiences:
    if function.anon:
        return frozenset({Audience("everyone")})
    return frozenset({Audience("users")} if function.authenticated else ())
