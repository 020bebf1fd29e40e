"""Reading, changing and deleting rows: what is tried at once, and again where that told too little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from shipworthy.probes.postgres.access.model import Row
from shipworthy.probes.postgres.access.runner import Attempt
from shipworthy.probes.postgres.access.subject import DELETABLE, UPDATABLE
from shipworthy.probes.postgres.access.trial import Recognise, Scene, Trial
from shipworthy.probes.postgres.access.writing import deletes, having, keys_of, texts_of, updates
from shipworthy.probes.postgres.personas import Persona

BY_KEY = "by key"


def selects(scene: Scene, persona: Persona) -> Trial:
    """Read everything. Rows of a table are known by their place, those of views by what stands in them."""
    may = scene.privileges(persona)
    partly = may.select if may and not may.whole else frozenset()
    if scene.subject.is_view:
        attempt = Attempt(persona, texts_of(scene.table, sorted(partly)), reads=True)
        mentioned = scene.belonging.mentioned
        return Trial(persona, "select", "", attempt, scene.belonging.shares(persona), recognise=mentioned)
    if partly:
        columns = tuple(sorted(partly))
        attempt = Attempt(persona, texts_of(scene.table, columns), reads=True)
        return Trial(persona, "select", "", attempt, scene.shares(persona), recognise=_by(scene, columns))
    attempt = Attempt(persona, keys_of(scene.table.name), reads=True)
    return Trial(persona, "select", "", attempt, scene.shares(persona))


def one_seen(scene: Scene, trial: Trial) -> Iterator[Trial]:
    """Look for each row alone, where looking for all of them failed."""
    for scope, keys in trial.aims.items() if not scene.subject.is_view else ():
        for key in sorted(keys):
            number, _, place = key.partition("(")
            where = f"ctid = '({place}' and tableoid = {number}"
            attempt = Attempt(trial.persona, keys_of(scene.table.name, where), reads=True)
            yield Trial(trial.persona, "select", trial.case, attempt, {scope: frozenset({key})})


def writes(scene: Scene, persona: Persona) -> Iterator[Trial]:
    """Change, and delete, every row that policies let through; a condition would bring others into it."""
    column = scene.neutral_column(persona)
    if scene.subject.writable & UPDATABLE and column:
        values = {column.name: scene.example.values.get(column.name)}
        yield scene.changes(persona, "update", "", updates(scene.table, values))
    if scene.subject.writable & DELETABLE:
        yield scene.changes(persona, "delete", "", deletes(scene.table))


def without_triggers(trial: Trial) -> Trial:
    """Try again where only a foreign key refused: it is no word about access."""
    return replace(trial, attempt=replace(trial.attempt, quiet=True))


def at_once_by_key(scene: Scene, trial: Trial) -> Trial:
    """Try a change again on the rows that it is about, found by their keys as clients do."""
    wanted = frozenset().union(*trial.aims.values())
    rows = [row for row in scene.subject.rows if row.key in wanted]
    where = " or ".join(f"({having(scene.table, scene.key_of(row))})" for row in rows)
    return scene.changes(trial.persona, trial.command, BY_KEY, _changed(scene, trial, where, scene.example))


def one_by_one(scene: Scene, trial: Trial) -> Iterator[Trial]:
    """Try a change again on each row alone, by its key and with its own values."""
    for scope, keys in trial.aims.items():
        for row in scene.subject.rows:
            if row.key in keys:
                statement = _changed(scene, trial, having(scene.table, scene.key_of(row)), row)
                again = scene.changes(trial.persona, trial.command, trial.case or BY_KEY, statement)
                yield replace(again, aims={scope: frozenset({row.key})})


def _changed(scene: Scene, trial: Trial, where: str, row: Row) -> str:
    column = scene.neutral_column(trial.persona)
    if trial.command == "delete" or column is None:
        return deletes(scene.table, where)
    return updates(scene.table, {column.name: row.values.get(column.name)}, where)


def _by(scene: Scene, columns: tuple[str, ...]) -> Recognise:
    """Recognise rows of which some columns can be read by the texts of these."""
    known = scene.texts(columns)

    def recognise(texts: frozenset[str]) -> frozenset[str]:
        return frozenset().union(*(known.get(text, frozenset()) for text in texts))

    return recognise
