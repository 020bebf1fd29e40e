"""What functions hand out and change: called as everyone, with ids of the own world and of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.belonging import Belonging
from shipworthy.probes.postgres.access.callable import Arguments, Callable, call, read_callables, shown
from shipworthy.probes.postgres.access.model import OTHER, A, B, Row, Worlds
from shipworthy.probes.postgres.access.outcome import PRIVILEGE
from shipworthy.probes.postgres.access.runner import UNANSWERED, Answer, Attempt, Runner
from shipworthy.probes.postgres.access.schema import Schema
from shipworthy.probes.postgres.access.subject import is_served
from shipworthy.probes.postgres.access.writing import KEY, keys_of, literal
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.personas import OWNER, Persona

PATIENCE = 2
"""So many callers may be left without an answer by a function before others are not tried any more."""
JOINED = "joined "
USERS = "auth.users"


@dataclass(frozen=True, slots=True)
class Called:
    """What became of the calls of one function by one persona, with the ids of one world."""

    function: str
    """``schema.name(arguments)``"""
    definer: bool
    persona: str
    role: str
    ran: int
    """So many calls ran to their end."""
    calls: int
    owner_ran: int
    """So many did as the owner: the control."""
    handed_out: Mapping[str, int]
    """Table to how many rows of the other world came back that the persona cannot read itself."""
    changed: Mapping[str, int]
    """Table to how many rows of the other world were changed, deleted, or joined."""
    arguments: str
    """Of the call that did."""
    saw: str
    """What the last call said."""

    @property
    def unanswered(self) -> bool:
        """It ran for too long, or ended the session: nothing can be said of it."""
        return self.saw.startswith(UNANSWERED)


def measure_calls(
    connection: psycopg.Connection[Any],
    schema: Schema,
    worlds: Worlds,
    schemas: Sequence[str],
    *,
    attempt_s: float = 2.0,
) -> tuple[Called, ...]:
    """Call every function that anyone may execute through the API; whatever it does is rolled back.

    Args:
        connection: to the disposable database that holds the worlds, as its owner; in autocommit mode.
        schema: what there is.
        worlds: whose rows they are.
        schemas: those that the Data API serves.
        attempt_s: longest time for one call, in seconds.

    Raises:
        ProbeError: the server went away.

    """
    people = worlds.people
    callers = [p for p in (people.anon, people.stranger, people.former, people.member, people.admin) if p]
    own = [schema for schema in schemas if schema not in PLATFORM_SCHEMAS]
    functions = read_callables(connection, own, sorted({p.role for p in callers if p.role}))
    emails = dict(connection.execute("select email, id::text from auth.users where email <> ''").fetchall())
    with Runner(connection, attempt_s=attempt_s) as runner:
        calls = _Calls(runner, Belonging(schema, worlds), Arguments(schema, worlds), worlds, emails, schema)
        return tuple(called for function in functions for called in calls.of(function, callers))


@dataclass(frozen=True, slots=True)
class _Calls:
    runner: Runner
    belonging: Belonging
    arguments: Arguments
    worlds: Worlds
    emails: Mapping[str, str]
    schema: Schema
    _known: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, function: Callable, callers: Iterable[Persona]) -> Iterator[Called]:
        """Call a function as everyone who may, until it has left some without an answer."""
        unanswered = 0
        for persona in callers:
            if persona.role in function.roles and unanswered < PATIENCE:
                called = self.made(function, persona)
                unanswered += called.unanswered
                yield called

    def made(self, function: Callable, persona: Persona) -> Called:
        """Call a function as someone."""
        former = persona == self.worlds.people.former
        cases = [
            *self.arguments.cases(function, A if former else B),
            *(self.arguments.cases(function, A, str(persona.user)) if persona in self._members else ()),
        ]
        statements = [call(function, case) for case in cases]
        said = self.runner.run([Attempt(persona, text, reads=True) for text in statements])
        ended = [
            text for text, answer in zip(statements, said, strict=True) if answer.state not in UNANSWERED
        ]
        controls = self.runner.run([Attempt(OWNER, text, reads=True) for text in ended])
        handed = [self._handed_out(persona, case, answer) for case, answer in zip(cases, said, strict=True)]
        found = dict(zip(ended, self._changed(function, persona, ended), strict=True))
        changed = [found.get(text, {}) for text in statements]
        last = next((answer for answer in said if answer.state in UNANSWERED), said[0])
        guilty = next((i for i, both in enumerate(zip(handed, changed, strict=True)) if any(both)), 0)
        return Called(
            function.signature,
            function.definer,
            persona.name,
            persona.role or "",
            sum(not answer.state for answer in said),
            len(said),
            sum(not answer.state for answer in controls),
            max(handed, key=len),
            max(changed, key=len),
            shown(function, cases[guilty]),
            (said[guilty] if handed[guilty] or changed[guilty] else last).said or "it ran",
        )

    @property
    def _members(self) -> tuple[Persona, ...]:
        return self.worlds.people.member, self.worlds.people.admin

    def _handed_out(self, persona: Persona, case: Mapping[int, str], answer: Answer) -> Mapping[str, int]:
        """Count the rows of the other world that came back, beside what was passed in."""
        given = " ".join(case.values())
        found = {*self.belonging.names_in(answer.seen), *self._by_email(answer.seen)}
        other = self.belonging.shares(persona).get(OTHER, frozenset())
        hidden = set()
        for name in sorted(found):
            row = self.belonging.names[name]
            if name not in given and row.key in other and not self._knows(persona, name, row):
                hidden.add((USERS, name) if name in self.belonging.persons else (row.table, row.key))
        return dict(Counter(table for table, _ in hidden))

    def _knows(self, persona: Persona, name: str, row: Row) -> bool:
        """Tell whether the persona reads the row, or any other in which the same id or text stands."""
        return self._reads(persona, row.table, row.key) or name in self._read_by(persona)

    def _read_by(self, persona: Persona) -> frozenset[str]:
        """Give the ids and texts that the persona reads anywhere: triggers copy them, views show them."""
        if persona.name not in self._known:
            served = [table for table in self.schema.relations.values() if is_served(table)]
            said = self._texts(persona, [(f"{table.name} x", "x") for table in served])
            # Where some columns only are granted, a whole row is refused.
            partly = [table for table, answer in zip(served, said, strict=True) if answer.state == PRIVILEGE]
            columns = [(table.name, column.name) for table in partly for column in table.columns]
            seen = frozenset().union(*(a.seen for a in (*said, *self._texts(persona, columns))))
            self._known[persona.name] = self.belonging.names_in(seen) | {*self._by_email(seen)}
        return self._known[persona.name]

    def _texts(self, persona: Persona, places: Iterable[tuple[str, str]]) -> list[Answer]:
        statements = (f"select array_agg(({text})::text) from {source}" for source, text in places)  # noqa: S608  quoted by the server
        return self.runner.run([Attempt(persona, statement, reads=True) for statement in statements])

    def _by_email(self, seen: Iterable[str]) -> Iterator[str]:
        for text in seen:
            for email, user in self.emails.items():
                if email in text and user in self.belonging.names:
                    yield user

    def _reads(self, persona: Persona, table: str, key: str) -> bool:
        look = keys_of(table, f"{KEY} = {literal(key)}")
        (answer,) = self.runner.run([Attempt(persona, look, reads=True)])
        return bool(answer.seen)

    def _changed(
        self, function: Callable, persona: Persona, statements: Sequence[str]
    ) -> list[Mapping[str, int]]:
        """Count for each call the rows of the other world that are not as they were."""
        if not function.volatile:
            return [{} for _ in statements]
        look = self._everything(persona)
        attempts = [Attempt(persona, text, look=look, always=True) for text in statements]
        other = self.belonging.shares(persona).get(OTHER, frozenset())
        return [{} if a.state else self._lost(other, a.seen) for a in self.runner.run(attempts)]

    def _lost(self, other: frozenset[str], seen: frozenset[str]) -> Mapping[str, int]:
        gone = [self.belonging.by_key[key].table for key in sorted(other - seen)]
        joined = [text.removeprefix(JOINED) for text in seen if text.startswith(JOINED)]
        return dict(Counter([*gone, *joined]))

    def _everything(self, persona: Persona) -> str:
        """Write the query for all rows of the worlds, and for new memberships of the persona elsewhere."""
        tables = sorted({row.table for row in self.worlds.rows})
        parts = [f"select {KEY} as key from {table}" for table in tables]  # noqa: S608  quoted by the server
        former = persona == self.worlds.people.former
        for table in sorted(self.worlds.memberships) if persona.user else ():
            parts += [self._joining(table, str(persona.user), A if former else B)]
        return f"select array_agg(key) from ({' union all '.join(parts)}) x"  # noqa: S608  of the same

    def _joining(self, table: str, user: str, world: str) -> str:
        tenants = [
            row.values.get("id") or ""
            for row in self.worlds.rows
            if row.table in self.worlds.roots and row.world == world
        ]
        ours = f"m::text like '%{user}%'"
        # Between the row's commas: the id of a tenant may be as short as a 2.
        fields = "translate(m::text, '()', ',,')"
        theirs = " or ".join(f"{fields} like '%,{tenant},%'" for tenant in tenants if tenant) or "false"
        return f"select {literal(JOINED + table)} from {table} m where {ours} and ({theirs})"  # noqa: S608  of the same
