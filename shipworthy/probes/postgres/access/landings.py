"""Bringing rows somewhere: inserting copies, upserting over rows of others, moving own ones away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from shipworthy.probes.postgres.access.belonging import Ties
from shipworthy.probes.postgres.access.model import OTHER, OWN, Row
from shipworthy.probes.postgres.access.runner import Attempt
from shipworthy.probes.postgres.access.trial import Scene, Trial
from shipworthy.probes.postgres.access.writing import (
    Values,
    deletes,
    fresh_values,
    inserts,
    none_of,
    updates,
    upserts,
    value,
)
from shipworthy.probes.postgres.personas import Persona

IN_OWN_NAME = "in the own name"
UNDER_THEIR_KEY = "an own row under the other's key"


def insertions(scene: Scene, persona: Persona) -> Iterator[Trial]:
    """Insert copies: of a row of the other world, the same in the own name, and of an own row."""
    theirs, ours = scene.theirs(persona), scene.ours(persona)
    if theirs:
        ties = scene.ties(theirs)
        yield from _inserted(scene, persona, theirs, "", OTHER if ties.all else OWN)
        if persona.user and ties.person:
            scope = OTHER if ties.others - ties.profiles else OWN
            yield from _inserted(scene, persona, theirs, IN_OWN_NAME, scope)
    if ours and persona.role:
        yield from _inserted(scene, persona, ours, "", OWN)
    if not theirs and not ours:
        yield from _inserted(scene, persona, scene.example, "", OWN)


def _inserted(scene: Scene, persona: Persona, row: Row, case: str, scope: str) -> Iterator[Trial]:
    """Insert a copy of a row; what is the persona's own has the persona where users stand in it."""
    ties = scene.ties(row)
    for_itself = persona.user and (case == IN_OWN_NAME or scope == OWN)
    own = dict.fromkeys(ties.person, str(persona.user)) if for_itself else {}
    granted = scene.granted(persona, "insert")
    fresh = {**fresh_values(scene.table, row.values, ties.all), **own}
    values = {name: text for name, text in fresh.items() if name in granted}
    if values:
        kept = ties.others if own else ties.all
        look = scene.landed({name: values[name] for name in sorted(kept) if name in values})
        attempt = Attempt(persona, inserts(scene.table, values), look=look)
        doubtful = scope == OTHER and not scene.decides(ties, kept)
        yield Trial(persona, "insert", case, attempt, lands=scope, doubtful=doubtful)


def upsertions(scene: Scene, persona: Persona) -> Iterator[Trial]:
    """Insert what is there already, so that it is updated: by its own copy, and by an own row."""
    theirs, ours = scene.theirs(persona), scene.ours(persona)
    column = scene.neutral_column(persona)
    if scene.subject.kind != "table" or not scene.key or not column:
        return
    if theirs:
        yield from _upserted(scene, persona, theirs, theirs.values, "")
    if ours and persona.role:
        yield from _upserted(scene, persona, ours, ours.values, "")
    if theirs and ours and not scene.ties(theirs).all & set(scene.key):
        mixed = {**ours.values, **scene.key_of(theirs)}
        yield from _upserted(scene, persona, theirs, mixed, UNDER_THEIR_KEY)


def _upserted(scene: Scene, persona: Persona, row: Row, values: Values, case: str) -> Iterator[Trial]:
    column = scene.neutral_column(persona)
    granted = scene.granted(persona, "insert")
    writable = {name: text for name, text in values.items() if name in granted}
    if column and writable:
        changes = {column.name: row.values.get(column.name)}
        statement = upserts(scene.table, writable, scene.key, changes)
        trial = scene.changes(persona, "upsert", case, statement)
        scope = OWN if row.key in scene.shares(persona).get(OWN, ()) else OTHER
        yield replace(trial, aims={scope: frozenset({row.key})})


def moves(scene: Scene, persona: Persona) -> Iterator[Trial]:
    """Give own rows the owner, the tenant and the parents of a row of the other world."""
    theirs, ours = scene.theirs(persona), scene.ours(persona)
    if not theirs or not ours or not persona.user:
        return
    granted, columns = scene.granted(persona, "update"), frozenset(scene.subject.columns)
    ties = scene.ties(theirs)
    tried: set[frozenset[str]] = set()
    for case, wanted in _cases(ties).items():
        reached = wanted & granted or wanted & columns
        shared = reached <= {*ties.person} and bool(ties.tenant)
        if reached and reached not in tried and not shared:
            tried.add(reached)
            values = {column: theirs.values[column] for column in sorted(reached)}
            where = _without_own_link(scene, persona, ties, reached)
            attempt = Attempt(persona, updates(scene.table, values, where), look=scene.landed(values))
            doubtful = not scene.decides(ties, reached)
            yield Trial(persona, "move", case, attempt, lands=OTHER, doubtful=doubtful)


def _without_own_link(scene: Scene, persona: Persona, ties: Ties, reached: frozenset[str]) -> str:
    """Write the condition for rows that nothing keeps as the persona's own when only users in it change.

    To name someone else as the friend, the receiver or the assignee of an own row is ordinary use.
    """
    staying = [scene.table.by_name[name] for name in ties.person if name not in reached]
    if not reached <= {*ties.person}:
        return ""
    user = str(persona.user)
    return " and ".join(f"{column.name} is distinct from {value(column, user)}" for column in staying)


def each_moved(scene: Scene, trial: Trial) -> Iterator[Trial]:
    """Try a move that was refused again with each own row as the only one: others may have been at fault."""
    own = scene.shares(trial.persona).get(OWN, frozenset())
    alone = [key for key in sorted(own) if not trial.attempt.before and not scene.subject.is_view]
    for key in alone if len(own) > 1 else ():
        others = deletes(scene.table, none_of([key]))
        yield replace(trial, attempt=replace(trial.attempt, before=others))


def _cases(ties: Ties) -> Mapping[str, frozenset[str]]:
    """Name the sets of columns to change together, and each that decides alone."""
    single = ties.tenant or tuple((column,) for column in ties.person) or ties.parent
    alone = {f"under the other's {', '.join(tie)}": frozenset(tie) for tie in single}
    own_name = {IN_OWN_NAME: ties.others} if ties.person else {}
    return {"": ties.all, **own_name, **alone}
