"""Who reaches which row: found out by doing it, as each persona, and undoing it.

The order in which Postgres checks makes every answer exact: privileges, then ``before`` triggers, then
row security, then constraints. A statement that ends in a constraint's violation (SQLSTATE class 23) had
been let through by the policies. Triggers stay on: what one refuses is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.belonging import Belonging
from shipworthy.probes.postgres.access.filed import Filing
from shipworthy.probes.postgres.access.model import AccessMatrix, Cell, Worlds
from shipworthy.probes.postgres.access.relation import Relation, Rounds
from shipworthy.probes.postgres.access.runner import Answer, Runner
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
    connection: psycopg.Connection[Any], schema: Schema, worlds: Worlds, *, attempt_s: float = 2.0
) -> AccessMatrix:
    """Try every command on every exposed relation as every persona.

    Args:
        connection: to the disposable database that holds the worlds, as its owner; in autocommit mode.
        schema: what there is.
        worlds: whose rows they are.
        attempt_s: longest time for one attempt, in seconds.

    Returns:
        The cells, by relation. A relation without any made row has none.

    Raises:
        ProbeError: the server went away.

    """
    belonging = Belonging(schema, worlds)
    _refresh(connection, schema)
    roles = dict.fromkeys(persona.role for persona in worlds.people.everyone if persona.role)
    operator = worlds.people.operator
    personas = (*worlds.people.everyone, *((operator,) if operator else ()))
    people = {persona.name: persona for persona in personas}
    subjects = list(read_subjects(connection, schema, belonging, roles))
    with Runner(connection, attempt_s=attempt_s) as runner:
        rounds = (
            _rounds(Scene(subject, belonging, worlds, _Texts(runner, subject)), runner, people)
            for subject in subjects
            if subject.rows or subject.visible
        )
        cells = tuple(_interleaved(runner, rounds))
    of_operator = [cell for cell in cells if operator and cell.persona == operator.name]
    return AccessMatrix(
        tuple(cell for cell in cells if not operator or cell.persona != operator.name),
        frozenset(cell.relation for cell in of_operator if cell.reached),
    )


def _rounds(scene: Scene, runner: Runner, people: Mapping[str, Persona]) -> Rounds:
    """Prepare everything that is tried at one relation."""
    filing = None
    if scene.subject.is_platforms:
        policies = object_policies(read_policies(runner.connection))
        filing = Filing(scene, read_buckets(runner.connection), policies)
    return Relation(scene, runner.quiet, people, filing).rounds()


def _interleaved(runner: Runner, relations: Iterator[Rounds]) -> Iterator[Cell]:
    """Let the server try things at one relation while those of another are put together or judged."""
    with ThreadPoolExecutor(1) as server:
        under_way: deque[tuple[Rounds, Future[list[Answer]]]] = deque()
        while True:
            while len(under_way) < AHEAD and (rounds := next(relations, None)):
                under_way.append((rounds, server.submit(runner.run, next(rounds))))
            if not under_way:
                return
            rounds, answers = under_way.popleft()
            try:
                attempts = rounds.send(answers.result())
            except StopIteration as done:
                yield from done.value
            else:
                under_way.append((rounds, server.submit(runner.run, attempts)))


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
