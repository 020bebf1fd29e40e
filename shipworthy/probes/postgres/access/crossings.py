"""What of a matrix breaks the rules: who crossed into another world, who was kept out of the own one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from shipworthy.probes.postgres.access.intent import Intent
from shipworthy.probes.postgres.access.model import OTHER, OWN, A, AccessMatrix, B, Cell, Worlds
from shipworthy.probes.postgres.access.outcome import DENIED, UNCLEAR
from shipworthy.probes.postgres.access.runner import UNANSWERED
from shipworthy.probes.postgres.access.schema import Policy, Schema, Table
from shipworthy.probes.postgres.access.subject import OBJECTS, is_served
from shipworthy.probes.postgres.personas import Persona

WRITES = ("insert", "update", "delete", "upsert", "move")
RECURSION, TWO_ROWS = "42P17", "21000"
"""Errors that a policy alone can be the cause of, whatever the statement writes."""
LACKING = re.compile(
    r"^(?:42P01|42883|42703|3F000|42704) "
    r".*\b(?:auth|storage|realtime|extensions|vault|net|cron|graphql|pgsodium)\b"
)
"""An error about what the platform provides, and this scratch server does not."""
OF_WORLD = re.compile(rf" ?in (?:{A}|{B})$")
"""What the case of one who is in both worlds ends with."""
LITERAL = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True)
class Crossings:
    """Reads a matrix by the rules, and by the project's contract where it has one."""

    worlds: Worlds
    matrix: AccessMatrix
    schema: Schema
    intent: Intent

    @property
    def exposed(self) -> tuple[str, ...]:
        """Every table and view of the project that can be got at from outside."""
        return tuple(table.name for table in self.schema.relations.values() if is_served(table))

    def allows(self, cell: Cell) -> bool:
        """Tell whether it is right that the cell was reached."""
        return self.intent.allows(cell.relation, cell.command, cell.persona, cell.scope, cell.opened_by)

    def outsiders_read(self) -> Iterator[Cell]:
        """Iterate over what was read of a world that is not the reader's."""
        return self._crossed(("select",), (self.worlds.people.anon, *self._users))

    def users_wrote(self, *commands: str) -> Iterator[Cell]:
        """Iterate over what signed-in users changed of, or brought into, a world that is not theirs."""
        return self._crossed(commands, self._users)

    def anyone_wrote(self) -> Iterator[Cell]:
        """Iterate over what was written without signing in."""
        for cell in self._cells(WRITES, (self.worlds.people.anon,)):
            if cell.reached and not self.allows(cell):
                yield cell

    def emptied(self) -> Iterator[Cell]:
        """Iterate over the tables that users can truncate."""
        people = [person for person in self.worlds.people.everyone if person != self.worlds.people.service]
        return (cell for cell in self._cells(("truncate",), people) if cell.reached)

    def raised(self) -> Iterator[Cell]:
        """Iterate over the ranks that users gave themselves."""
        return (cell for cell in self.matrix.cells if cell.command == "raise" and cell.reached)

    def only_former(self) -> Iterator[Cell]:
        """Iterate over what a former member reached and a stranger did not."""
        former, stranger = self.worlds.people.former, self.worlds.people.stranger
        known = {
            (cell.relation, cell.command)
            for cell in self._cells(("select", *WRITES), (stranger,))
            if _crosses(cell)
        }
        for cell in self._crossed(("select", *WRITES), (former,) if former else ()):
            if (cell.relation, cell.command) not in known:
                yield cell

    def lost_to_both(self) -> Iterator[Cell]:
        """Iterate over what one with two memberships does not see and one with one membership does."""
        people = self.worlds.people
        seen = {
            (cell.relation, cell.case)
            for cell in self._cells(("select",), (people.member,))
            if self._as_member(cell)
        }
        for cell in self._cells(("select",), (people.both,) if people.both and self._is_in_both else ()):
            case = OF_WORLD.sub("", cell.case)
            meant = (cell.relation, case) in seen or cell.outcome == UNCLEAR
            if cell.scope == OWN and cell.of and not cell.reached and meant:
                yield cell

    def lost_to_service(self) -> Iterator[Cell]:
        """Iterate over the tables that the service role writes to and cannot read."""
        service = self.worlds.people.service
        used = {cell.relation for cell in self._cells(WRITES, (service,)) if cell.reached}
        for cell in self._cells(("select",), (service,)):
            if cell.relation in used and cell.of and not cell.reached:
                yield cell

    def broken(self) -> Iterator[Cell]:
        """Iterate over the errors that are the policies' own, each once."""
        both = self.worlds.people.both
        found: dict[tuple[str, str], Cell] = {}
        for cell in self.matrix.cells:
            # What lies in a bucket under another name than its policies expect got there past them.
            own = cell.relation != OBJECTS and cell.command == "select"
            own = own or cell.saw.startswith((RECURSION, TWO_ROWS))
            if cell.outcome == UNCLEAR and own and not (both and cell.persona == both.name):
                found.setdefault((cell.relation, cell.saw), cell)
        return (cell for cell in found.values() if not untold(cell))

    def changed_for_all(self) -> Iterator[Cell]:
        """Iterate over changes by users of rows that belong to nobody."""
        declared = self.intent.contract.tables
        for cell in self._cells(("update", "delete"), self._users):
            partition = bool(self.schema.relations[cell.relation].parents)
            shared = cell.kind == "table" and cell.relation not in self.worlds.owned and not partition
            if shared and cell.reached and not (cell.relation in declared and self.allows(cell)):
                yield cell

    def denied_to_members(self) -> Iterator[tuple[Cell, tuple[Policy, ...]]]:
        """Iterate over the tables that policies mean members to read and no member reads.

        Where an operator of the whole deployment reads them, the policies can be satisfied. Writes are not
        judged so: what they ask besides (a date, a consent) no made row may fulfil. A
        contract judges them.
        """
        people = self.worlds.people
        members = [person for person in (people.member, people.admin, people.both) if person]
        read: dict[str, list[Cell]] = {}
        for cell in self._cells(("select",), members):
            if cell.scope == OWN and cell.of:
                read.setdefault(cell.relation, []).append(cell)
        for name in sorted(self.worlds.owned & read.keys() - {OBJECTS}):
            policies = tuple(_about_rows(self.schema.relations[name]))
            if policies and name not in self.matrix.operators and not any(map(_served, read[name])):
                yield read[name][0], policies

    @property
    def _users(self) -> tuple[Persona, ...]:
        people = self.worlds.people
        return people.anonymous, people.stranger, people.member, people.admin

    def _cells(self, commands: Iterable[str], people: Iterable[Persona]) -> Iterator[Cell]:
        for person in people:
            for command in commands:
                yield from self._by_person.get((person.name, command), ())

    @property
    def _is_in_both(self) -> bool:
        """Tell whether the two memberships are there: a trigger may have taken one away again."""
        both, tables = self.worlds.people.both, self.worlds.memberships
        user = str(both.user) if both else ""
        found = {row.world for row in self.worlds.rows if row.person == user and row.table in tables}
        return found >= {A, B} or not tables

    @cached_property
    def _by_person(self) -> dict[tuple[str, str], list[Cell]]:
        found: dict[tuple[str, str], list[Cell]] = {}
        for cell in self.matrix.cells:
            found.setdefault((cell.persona, cell.command), []).append(cell)
        return found

    def _crossed(self, commands: Iterable[str], people: Iterable[Persona]) -> Iterator[Cell]:
        return (c for c in self._cells(commands, people) if _crosses(c) and not self.allows(c))

    def _as_member(self, cell: Cell) -> bool:
        """Tell whether rows were read because their reader is a member, not because they are its own."""
        if cell.scope != OWN or not cell.reached:
            return False
        member = str(self.worlds.people.member.user)
        tied = [row for row in self.worlds.of(cell.relation, A) if row.person == member]
        return cell.rows > len(tied) and cell.relation in self.worlds.owned


def untold(cell: Cell) -> bool:
    """Tell whether nothing can be said: it took too long, or this server lacks what it needs."""
    return cell.outcome == UNCLEAR and bool(cell.saw.startswith(UNANSWERED) or LACKING.match(cell.saw))


def _crosses(cell: Cell) -> bool:
    return cell.scope == OTHER and cell.reached


def _served(cell: Cell) -> bool:
    """Tell whether someone got somewhere, or was kept from it by something else than the policies."""
    table = cell.relation.rpartition(".")[2].strip('"')
    by_privilege = cell.outcome == DENIED and cell.saw.endswith(f" {table}")
    return cell.reached or by_privilege or untold(cell)


def _about_rows(table: Table) -> Iterator[Policy]:
    """Give the policies that let users read by what stands in a row."""
    names = "|".join(re.escape(column.name) for column in table.columns)
    for policy in table.policies if table.rls else ():
        condition = LITERAL.sub("''", policy.using or "")
        about = re.search(rf'(?<![\w"])({names})(?![\w".(])', condition)
        for_users = {"authenticated", "public"} & {*policy.roles} and "service_role" not in (
            policy.using or ""
        )
        if policy.permissive and policy.command in {"select", "all"} and for_users and about:
            yield policy
