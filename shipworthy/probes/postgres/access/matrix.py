"""Who reaches which row: found out by doing it, as each persona, and undoing it.

The order in which Postgres checks makes every answer exact: privileges, then ``before`` triggers, then
row security, then constraints. A statement that ends in a constraint's violation (SQLSTATE class 23) had
been let through by the policies. Triggers stay on: what one refuses is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.belonging import Belonging
from shipworthy.probes.postgres.access.filed import Filing
from shipworthy.probes.postgres.access.model import AccessMatrix, Cell, Worlds
from shipworthy.probes.postgres.access.relation import Relation, Rounds
from shipworthy.probes.postgres.access.runner import Answer, Attempt, Runner
from shipworthy.probes.postgres.access.schema import MATERIALIZED, Schema
from shipworthy.probes.postgres.access.subject import Subject, read_subjects
from shipworthy.probes.postgres.access.trial import Scene
from shipworthy.probes.postgres.access.writing import KEY
from shipworthy.probes.postgres.buckets import object_policies, read_buckets
from shipworthy.probes.postgres.personas import Persona
from shipworthy.probes.postgres.policies import read_policies

AHEAD = 3
"""So many relations are under way at once, so that the server always has something to do."""
REFRESH_MS = 10_000


def measure_access(
    connection: psycopg.Connection[Any],
    schema: Schema,
    worlds: Worlds,
    *,
    beside: Sequence[psycopg.Connection[Any]] = (),
    attempt_s: float = 2.0,
) -> AccessMatrix:
    """Try every command on every exposed relation as every persona.

    Args:
        connection: to the disposable database that holds the worlds, as its owner; in autocommit mode.
        schema: what there is.
        worlds: whose rows they are.
        beside: more of the same, each to a clone of that database; relations are shared out among all.
        attempt_s: longest time for one attempt, in seconds.

    Returns:
        The cells, by relation. A relation without any made row has none.

    Raises:
        ProbeError: the server went away.

    """
    belonging = Belonging(schema, worlds)
    for each in (connection, *beside):
        _refresh(each, schema)
    roles = dict.fromkeys(persona.role for persona in worlds.people.everyone if persona.role)
    operator = worlds.people.operator
    personas = (*worlds.people.everyone, *((operator,) if operator else ()))
    people = {persona.name: persona for persona in personas}
    subjects = [s for s in read_subjects(connection, schema, belonging, roles) if s.rows or s.visible]
    with ExitStack() as stack:
        runners = [stack.enter_context(Runner(c, attempt_s=attempt_s)) for c in (connection, *beside)]
        lines = [
            _Line(runner, stack.enter_context(ThreadPoolExecutor(1)), _Tried(belonging, worlds, people))
            for runner in runners
        ]
        found = tuple(_interleaved(lines, iter(subjects)))
    place = {subject.table.name: number for number, subject in enumerate(subjects)}
    cells = sorted(found, key=lambda cell: place[cell.relation])
    return AccessMatrix(
        tuple(cell for cell in cells if not operator or cell.persona != operator.name),
        frozenset(
            cell.relation for cell in cells if operator and cell.persona == operator.name and cell.reached
        ),
    )


@dataclass(frozen=True, slots=True)
class _Tried:
    """What is the same for every relation."""

    belonging: Belonging
    worlds: Worlds
    people: Mapping[str, Persona]

    def rounds(self, subject: Subject, runner: Runner) -> Rounds:
        """Prepare everything that is tried at one relation."""
        scene = Scene(subject, self.belonging, self.worlds, _Texts(runner, subject))
        filing = None
        if subject.is_platforms:
            policies = object_policies(read_policies(runner.connection))
            filing = Filing(scene, read_buckets(runner.connection), policies)
        return Relation(scene, runner.quiet, self.people, filing).rounds()


@dataclass(slots=True)
class _Line:
    """One session, and the relations that are under way on it."""

    runner: Runner
    server: ThreadPoolExecutor
    tried: _Tried
    under_way: deque[tuple[Rounds, Future[list[Answer]]]] = field(default_factory=deque)

    def begin(self, subject: Subject) -> None:
        """Start with another relation."""
        rounds = self.tried.rounds(subject, self.runner)
        self._go_on(rounds, next(rounds))

    def step(self) -> Iterator[Cell]:
        """Judge the oldest answers; gives the cells of a relation that is done."""
        rounds, answers = self.under_way.popleft()
        try:
            attempts = rounds.send(answers.result())
        except StopIteration as done:
            yield from done.value
        else:
            self._go_on(rounds, attempts)

    def _go_on(self, rounds: Rounds, attempts: list[Attempt]) -> None:
        self.under_way.append((rounds, self.server.submit(self.runner.run, attempts)))


def _interleaved(lines: Sequence[_Line], subjects: Iterator[Subject]) -> Iterator[Cell]:
    """Let the server try things at one relation while those of another are put together or judged."""
    while True:
        for line in lines:
            while len(line.under_way) < AHEAD and (subject := next(subjects, None)):
                line.begin(subject)
        busy = [line for line in lines if line.under_way]
        if not busy:
            return
        ready = [line for line in busy if line.under_way[0][1].done()]
        for line in ready or busy[:1]:
            yield from line.step()


def _refresh(connection: psycopg.Connection[Any], schema: Schema) -> None:
    """Let materialized views hold the worlds; one that cannot be refreshed stays as it is."""
    for view in schema.relations.values():
        if view.kind == MATERIALIZED and view.exposed:
            try:
                with connection.transaction():
                    connection.execute(f"set local statement_timeout = {REFRESH_MS}".encode())
                    connection.execute(f"refresh materialized view {view.name}".encode())
            except psycopg.Error:
                continue


@dataclass(frozen=True, slots=True)
class _Texts:
    """Reads the rows of a table by the texts of some columns, as the owner."""

    runner: Runner
    subject: Subject

    def __call__(self, columns: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
        query = f"select row({', '.join(columns)})::text, {KEY} from {self.subject.table.name}"  # noqa: S608  quoted by the server
        world = {row.key: row.world for row in self.subject.rows}
        found: dict[str, set[str]] = {}
        for text, key in self.runner.connection.execute(query.encode()):
            if key in world:
                found.setdefault(text, set()).add(key)
        # Equal texts in both worlds tell nothing.
        return {t: frozenset(keys) for t, keys in found.items() if len({world[key] for key in keys}) == 1}
