"""Everything that is tried at one relation, in rounds: what a round leaves open, the next one tries."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from shipworthy.probes.postgres.access.changes import (
    at_once_by_key,
    one_by_one,
    one_seen,
    selects,
    without_triggers,
    writes,
)
from shipworthy.probes.postgres.access.filed import Filing
from shipworthy.probes.postgres.access.landings import each_moved, insertions, moves, upsertions
from shipworthy.probes.postgres.access.model import OWN, A, B, Cell
from shipworthy.probes.postgres.access.openings import opened_by
from shipworthy.probes.postgres.access.outcome import (
    CONSTRAINT,
    NOTHING,
    PRIVILEGE,
    REACHED,
    Outcome,
    combined,
    judge,
    refused_outright,
)
from shipworthy.probes.postgres.access.ranks import raises
from shipworthy.probes.postgres.access.runner import UNANSWERED, Answer, Attempt
from shipworthy.probes.postgres.access.subject import INSERTABLE, UPDATABLE
from shipworthy.probes.postgres.access.trial import Scene, Trial
from shipworthy.probes.postgres.personas import OWNER, Persona

ALL = "all"
"""The scope of the owner's controls."""
ROUNDS = 4
"""A statement, the same without triggers, by key, row by row."""
Rounds = Generator[list[Attempt], list[Answer], tuple[Cell, ...]]
"""Gives attempts, is sent their answers, and returns the cells."""

_Place = tuple[str, str, str, str]
"""Persona, command, case, scope."""


@dataclass(slots=True)
class Relation:
    """The measurement of one relation."""

    scene: Scene
    quiet: bool
    """Triggers can be switched off here."""
    people: Mapping[str, Persona]
    filing: Filing | None = None
    """Of the table of objects: what is tried in which bucket."""
    found: dict[_Place, list[Outcome]] = field(default_factory=dict)
    aims: dict[_Place, frozenset[str]] = field(default_factory=dict)
    """The keys of the rows that were tried."""

    def rounds(self) -> Rounds:
        """Try everything as everyone."""
        operator = self.scene.worlds.people.operator
        people = [persona for persona in self.people.values() if persona != operator]
        tried = [trial for persona in people for trial in self._everything(persona)]
        empties = [trial for persona in people for trial in self._empties(persona)]
        controls = [*_controls(tried), *([selects(self.scene, operator)] if operator else [])]
        trials: Sequence[Trial] = [*tried, *controls, *empties]
        for number in range(ROUNDS):
            answers = (yield [trial.attempt for trial in trials]) if trials or not number else []
            trials = self._taken(trials, answers, last=number == ROUNDS - 1)
        return tuple(self._cells())

    def _everything(self, persona: Persona) -> Iterator[Trial]:
        scene = self.scene
        if self.filing:
            yield from self.filing.trials(persona)
            return
        reading = selects(scene, persona)
        yield reading
        switched = scene.worlds.people.switched
        if switched and persona.name == self._both:  # what either token lets the same user see, it sees
            yield replace(reading, attempt=replace(reading.attempt, persona=switched))
        if not scene.subject.rows:
            return
        yield from writes(scene, persona)
        if scene.subject.writable & INSERTABLE:
            yield from insertions(scene, persona)
            yield from upsertions(scene, persona)
        if scene.subject.writable & UPDATABLE:
            yield from moves(scene, persona)
            yield from raises(scene, persona)

    def _taken(self, trials: Sequence[Trial], answers: Sequence[Answer], *, last: bool) -> list[Trial]:
        """Keep what is settled, and give what has to be tried as well."""
        later: list[Trial] = []
        for trial, answer in zip(trials, answers, strict=True):
            again = () if last else tuple(self._again(trial, answer))
            later += again
            if not any(other.case == trial.case for other in again):
                self._keep(trial, answer)
        return later

    def _cells(self) -> Iterator[Cell]:
        for place, outcomes in self.found.items():
            if place[0] != OWNER.name:
                outcome = combined(outcomes)
                yield from self._by_world(self._cell(place, outcome), place, outcome)

    def _keep(self, trial: Trial, answer: Answer) -> None:
        for scope, outcome in judge(trial, answer).items():
            place = (trial.persona.name, trial.command, trial.case, scope)
            self.aims[place] = self.aims.get(place, frozenset()) | trial.aims.get(scope, frozenset())
            self.found.setdefault(place, []).append(outcome)

    def _again(self, trial: Trial, answer: Answer) -> Iterable[Trial]:
        """Give what has to be tried as well; what has the same case takes this one's place."""
        if answer.state in UNANSWERED or refused_outright(answer):
            return ()
        many = sum(map(len, trial.aims.values())) > 1
        if trial.command == "select":
            return one_seen(self.scene, trial) if answer.state and many else ()
        refused = trial.command == "move" and answer.state == PRIVILEGE
        if refused and not trial.attempt.before and not self.filing:
            return each_moved(self.scene, trial)
        if trial.doubtful:
            return self._seen_by_others(trial, answer)
        return self._more_exactly(trial, answer, many) if trial.command in {"update", "delete"} else ()

    def _more_exactly(self, trial: Trial, answer: Answer, many: bool) -> Iterable[Trial]:
        if answer.state:
            held = answer.state.startswith(CONSTRAINT) and trial.command == "delete"
            if held and self.quiet and not trial.attempt.quiet:
                return (without_triggers(trial),)
            return one_by_one(self.scene, trial) if many and not self.scene.subject.is_view else ()
        reached = any(outcome.word == REACHED for outcome in judge(trial, answer).values())
        if reached and not trial.case and not self.scene.subject.is_view:
            return (at_once_by_key(self.scene, trial),)
        return ()

    def _seen_by_others(self, trial: Trial, answer: Answer) -> Iterable[Trial]:
        """Look whether someone of the other world sees what landed beside its rows, and strangers do not."""
        theirs, people = self.scene.theirs(trial.persona), self.scene.worlds.people
        someone = self.scene.belonging.someone_of(theirs.world, theirs) if theirs else None
        if answer.state or not answer.affected or not someone:
            return ()
        outsider = people.stranger if trial.persona != people.stranger else people.anonymous
        if trial.attempt.look_as is None:
            return (replace(trial, attempt=replace(trial.attempt, look_as=outsider)),)
        if answer.seen:
            return ()
        looker = replace(people.admin, name="member of the other world", user=UUID(someone))
        return (replace(trial, doubtful=False, attempt=replace(trial.attempt, look_as=looker)),)

    def _empties(self, persona: Persona) -> Iterator[Trial]:
        """Truncate, which no policy has a say in.

        With the privilege and no trigger in its way it cannot fail, and takes as long as thirty other
        statements: then the privilege is the answer.
        """
        may = self.scene.privileges(persona)
        if self.scene.subject.kind != "table" or self.scene.subject.is_platforms or not may:
            return
        scope, keys = list(self.scene.shares(persona).items())[-1]
        if may.truncate and not any("truncate" in t.events for t in self.scene.table.triggers):
            place = (persona.name, "truncate", "", scope)
            self.found[place] = [Outcome(REACHED, keys, len(keys), "it has the privilege")]
        else:
            attempt = Attempt(persona, f"truncate {self.scene.table.name}")
            yield Trial(persona, "truncate", "", attempt, {scope: keys})

    def _cell(self, place: _Place, outcome: Outcome) -> Cell:
        persona, command, case, scope = place
        subject = self.scene.subject
        return Cell(
            subject.table.name,
            subject.kind,
            persona,
            command,
            scope,
            case,
            outcome.word,
            outcome.rows,
            self._control(place, outcome),
            outcome.saw,
            self._opened_by(place, outcome) if command == "select" else "",
        )

    def _by_world(self, cell: Cell, place: _Place, outcome: Outcome) -> Iterator[Cell]:
        """Tell the rows of two worlds apart for the one who is a member of both."""
        if place[0] != self._both or cell.command != "select" or cell.scope != OWN:
            yield cell
            return
        known = self.scene.belonging.by_key
        for world in (A, B):
            keys = frozenset(key for key in outcome.keys if known[key].world == world)
            there = [key for key in self._aimed_at(place) if known[key].world == world]
            if cell.reached:
                word = REACHED if keys else NOTHING
                part = replace(
                    cell, case=f"{cell.case} in {world}".strip(), outcome=word, saw=f"{len(keys)} rows"
                )
                yield replace(part, rows=len(keys), of=len(there))
            elif there:
                yield replace(cell, case=f"{cell.case} in {world}".strip(), of=len(there))
        if not any(known[key].world for key in self._aimed_at(place)):
            yield cell

    @property
    def _both(self) -> str | None:
        both = self.scene.worlds.people.both
        return both.name if both else None

    def _aimed_at(self, place: _Place) -> frozenset[str]:
        """Give the keys of the rows of a scope that this relation has; of objects, those that matter."""
        persona, _, _, scope = place
        person = self.people[persona]
        if self.filing:
            return self.aims.get(place, frozenset())
        if self.scene.subject.is_view:
            return self.scene.belonging.shares(person).get(scope, frozenset()) & self.scene.subject.visible
        return self.scene.shares(person).get(scope, frozenset())

    def _control(self, place: _Place, outcome: Outcome) -> int:
        """Count what the owner reached with the same statement."""
        persona, command, case, scope = place
        if command in {"select", "truncate"}:
            return max(len(self._aimed_at(place)), outcome.rows)
        if command in {"update", "delete"}:
            rows = self.scene.shares(self.people[persona])
            owner = self.found.get((OWNER.name, command, case if self.filing else "", ALL), ())
            return max((len(o.keys & rows.get(scope, frozenset())) for o in owner), default=0)
        return max((o.rows for o in self.found.get((OWNER.name, command, case, scope), ())), default=0)

    def _opened_by(self, place: _Place, outcome: Outcome) -> str:
        persona, _, _, scope = place
        known = self.scene.belonging.by_key
        rows = [known[key] for key in self._aimed_at(place) | outcome.keys]
        user = str(self.people[persona].user)
        if scope == OWN and all(known[key].person == user for key in outcome.keys):
            return ""
        return opened_by(self.scene.belonging, rows, outcome.keys)


def _controls(trials: Iterable[Trial]) -> list[Trial]:
    """Let the owner try each kind of write once."""
    found: dict[tuple[str, ...], Trial] = {}
    for trial in trials:
        if trial.command in {"update", "delete"}:
            everything = frozenset().union(*trial.aims.values())
            attempt = replace(trial.attempt, persona=OWNER)
            control = replace(trial, persona=OWNER, attempt=attempt, aims={ALL: everything})
            found.setdefault((trial.command, trial.case), control)
        elif trial.command != "select":
            scope = trial.lands or next(iter(trial.aims))
            attempt = replace(trial.attempt, persona=OWNER)
            control = replace(trial, persona=OWNER, attempt=attempt, doubtful=False)
            found.setdefault((trial.command, trial.case, scope), control)
    return list(found.values())
