"""One attempt with what it is about, and everything that attempts at one relation have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from shipworthy.probes.postgres.access.belonging import Belonging, Ties
from shipworthy.probes.postgres.access.model import OTHER, OWN, A, B, Row, Worlds
from shipworthy.probes.postgres.access.runner import Attempt
from shipworthy.probes.postgres.access.schema import Column, Table
from shipworthy.probes.postgres.access.subject import Privileges, Subject
from shipworthy.probes.postgres.access.writing import TEXTS, Values, having, keys_of, none_of
from shipworthy.probes.postgres.personas import Persona

Recognise = Callable[[frozenset[str]], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt, and how its answer is to be understood."""

    persona: Persona
    command: str
    case: str
    attempt: Attempt
    aims: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Scope to the keys of the rows that it is about."""
    lands: str = ""
    """Of a statement that brings a row somewhere: the scope in which it would be."""
    recognise: Recognise | None = None
    """Finds the keys of rows in what was seen; None where these are keys."""
    doubtful: bool = False
    """It matters only if someone of the other world sees the row that landed."""


@dataclass(frozen=True)
class Scene:
    """One relation among the rows of two worlds."""

    subject: Subject
    belonging: Belonging
    worlds: Worlds
    texts: Callable[[tuple[str, ...]], Mapping[str, frozenset[str]]]
    """Gives the rows of the table by the texts of some of their columns."""
    _shares: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    _neutral: dict[str | None, Column | None] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """The relation."""
        return self.subject.table

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The columns by which clients find a row; empty where the relation has no key."""
        plain = (key.columns for key in self.table.keys if not key.predicate and not key.expressions)
        return next(plain, ())

    def key_of(self, row: Row) -> Values:
        """Give what finds a row: its key, or all of it."""
        return {column: row.values.get(column) for column in self.key or row.values}

    @property
    def example(self) -> Row:
        """Some row with the values that a write needs."""
        return (self.subject.examples or self.subject.rows)[0]

    def ties(self, row: Row) -> Ties:
        """Give the columns that hold a row in its world."""
        return self.belonging.ties(self.table, row)

    def shares(self, persona: Persona) -> Mapping[str, frozenset[str]]:
        """Part the rows that this relation is about into the persona's own and the other ones."""
        if persona.name not in self._shares:
            rows = self.subject.rows
            own = frozenset(row.key for row in rows if self.belonging.is_own(row, persona))
            other = frozenset(row.key for row in rows) - own
            self._shares[persona.name] = {scope: keys for scope, keys in ((OWN, own), (OTHER, other)) if keys}
        return self._shares[persona.name]

    def theirs(self, persona: Persona) -> Row | None:
        """Choose a row of the other world: of the one that the persona left, or else of B."""
        world = A if persona == self.worlds.people.former else B
        others = [row for row in self.subject.examples if not self.belonging.is_own(row, persona)]
        return min(others, key=lambda row: row.world != world, default=None)

    def ours(self, persona: Persona) -> Row | None:
        """Choose a row of the persona's own world; best one that is tied to it."""
        own = [row for row in self.subject.examples if row.world and self.belonging.is_own(row, persona)]
        user = str(persona.user)
        return min(own, key=lambda row: (row.person != user, bool(row.person)), default=None)

    def privileges(self, persona: Persona) -> Privileges | None:
        """Give what the persona's role may do; None for the owner, who may do everything."""
        return self.subject.privileges.get(persona.role or "")

    def granted(self, persona: Persona, what: str) -> frozenset[str]:
        """Give the columns to write: the granted ones; every one where none is, to be refused."""
        may, columns = self.privileges(persona), frozenset(self.subject.columns)
        granted: frozenset[str] = getattr(may, what) if may else columns
        return granted & columns or columns

    def neutral_column(self, persona: Persona) -> Column | None:
        """Choose the column whose change does the least: no key, no reference, no flag; a text best."""
        if persona.role not in self._neutral:
            granted = self.granted(persona, "update")
            columns = [self.table.by_name[name] for name in self.subject.columns if name in granted]
            self._neutral[persona.role] = min(columns, key=self._cost, default=None)
        return self._neutral[persona.role]

    def changes(self, persona: Persona, command: str, case: str, statement: str) -> Trial:
        """Make a trial that changes rows in place: afterwards those are gone that it reached."""
        # A trigger can write and say that nothing was written.
        always = self.subject.is_view or any(trigger.timing == "before" for trigger in self.table.triggers)
        attempt = Attempt(persona, statement, look=self.subject.everything, always=always)
        return Trial(persona, command, case, attempt, self.shares(persona))

    def landed(self, ties: Values) -> str:
        """Write the query for the new rows that have these ties; none where there is nothing to tell by."""
        if not ties or not self.subject.beneath:
            return ""
        known = none_of(row.key for row in self.subject.rows)
        if not self.subject.is_view:
            return keys_of(self.table.name, f"{known} and {having(self.table, ties)}")
        # A view may call its columns otherwise: the row beneath is known by the ids in it.
        ids = next((text for text in ties.values() if text), "").replace("'", "''")
        return keys_of(f"{self.subject.beneath[0]} x", f"{known} and x::text like '%{ids}%'")

    def decides(self, ties: Ties, columns: frozenset[str]) -> bool:
        """Tell whether a row with these columns in a world is that world's; memberships always are."""
        member = self.table.name in self.worlds.memberships
        return member or any(columns.issuperset(tie) for tie in self._deciding(ties))

    def _deciding(self, ties: Ties) -> tuple[tuple[str, ...], ...]:
        """Tell which columns say whose a row is: not who made it, where policies ask for its parent alone."""
        said = " ".join(f"{policy.using} {policy.check}" for policy in self.table.policies)
        asked = any(re.search(rf'(?<![\w"]){re.escape(name)}(?![\w"])', said) for name in ties.person)
        return ties.parent if said and ties.parent and not (ties.tenant or asked) else ties.deciding

    @cached_property
    def _compared(self) -> frozenset[str]:
        return frozenset(variant.column for row in self.subject.rows for variant in row.variants)

    @cached_property
    def _tied(self) -> frozenset[str]:
        return self.ties(self.example).all

    def _cost(self, column: Column) -> tuple[bool, ...]:
        name = column.name
        return (
            any(name in key.columns for key in self.table.keys),
            any(name in reference.columns for reference in self.table.references),
            name in self._tied,
            name in self._compared,
            bool(column.identity),
            column.type.base not in TEXTS,
        )
