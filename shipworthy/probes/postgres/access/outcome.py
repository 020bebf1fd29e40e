"""What an answer says about access: a word for it, and the rows that were reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shipworthy.probes.postgres.access.runner import UNANSWERED, Answer
from shipworthy.probes.postgres.access.trial import Trial

REACHED, NOTHING, DENIED, RAISED, UNCLEAR = "reached", "nothing", "denied", "raised", "unclear"
ORDER = (REACHED, UNCLEAR, RAISED, DENIED, NOTHING)
"""Of several attempts at the same rows, the first of these that any came to is what they came to."""
PRIVILEGE = "42501"
CONSTRAINT = "23"
FOREIGN_KEY = "23503"
REFERENCED = "0A000"
"""TRUNCATE of a table that others refer to: refused after privileges were found sufficient."""
BY_TRIGGER = "P0"
UNROUTED = "no partition of relation"
"""Found out before any policy is asked."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to, for the rows of one scope."""

    word: str
    keys: frozenset[str]
    """The rows that were reached; empty for new ones."""
    rows: int
    saw: str


def judge(trial: Trial, answer: Answer) -> Mapping[str, Outcome]:
    """Tell what an answer means, by scope."""
    if answer.state:
        return dict(_failed(trial, answer))
    if trial.doubtful:
        saw = f"{answer.affected} rows, which nobody there sees as its own"
        return {trial.lands: Outcome(NOTHING, frozenset(), 0, saw)}
    if trial.lands:
        rows = len(answer.seen) if trial.attempt.look else answer.affected
        elsewhere = f"{answer.affected} rows, but none that is seen there" if answer.affected else "0 rows"
        word, saw = (REACHED, f"{rows} rows") if rows else (NOTHING, elsewhere)
        return {trial.lands: Outcome(word, frozenset(), rows, saw)}
    seen = trial.recognise(answer.seen) if trial.recognise else answer.seen
    return {scope: _counted(trial, answer, keys, seen) for scope, keys in trial.aims.items()}


def combined(outcomes: Iterable[Outcome]) -> Outcome:
    """Put together what several attempts at the same rows came to."""
    ranked = sorted(outcomes, key=lambda outcome: ORDER.index(outcome.word))
    keys = frozenset().union(*(outcome.keys for outcome in ranked))
    rows = len(keys) or max(outcome.rows for outcome in ranked)
    first = ranked[0]
    saw = f"{rows} rows" if first.word == REACHED and rows != first.rows else first.saw
    return Outcome(first.word, keys, rows if first.word == REACHED else 0, saw)


def refused_outright(answer: Answer) -> bool:
    """Tell whether a privilege was missing, so that no policy was asked."""
    return answer.state == PRIVILEGE and answer.message.startswith("permission denied")


def _counted(trial: Trial, answer: Answer, keys: frozenset[str], seen: frozenset[str]) -> Outcome:
    if trial.command == "truncate":
        reached = keys
    elif trial.attempt.reads:
        reached = keys & seen
    else:
        # Every changed row has moved to another place; one that was not looked for has not changed.
        looked = answer.affected or trial.attempt.always
        reached = keys - seen if looked else frozenset()
    word = REACHED if reached else NOTHING
    return Outcome(word, reached, len(reached), f"{len(reached)} rows")


def _failed(trial: Trial, answer: Answer) -> Iterator[tuple[str, Outcome]]:
    word = _word(trial, answer)
    for scope in (trial.lands,) if trial.lands else trial.aims:
        yield scope, Outcome(word, frozenset(), int(word == REACHED), answer.said)


def _word(trial: Trial, answer: Answer) -> str:
    state = answer.state
    if state in UNANSWERED:
        return UNCLEAR
    if state == PRIVILEGE:
        return DENIED
    if state.startswith(BY_TRIGGER) or answer.context.endswith("at RAISE"):
        return RAISED
    if trial.command == "truncate" and state == REFERENCED:
        return REACHED
    if state.startswith(CONSTRAINT) and not answer.message.startswith(UNROUTED):
        return _constrained(trial, answer)
    return UNCLEAR


def _constrained(trial: Trial, answer: Answer) -> str:
    """A constraint refused what policies had let through; whose rows it was about is known of some only."""
    partly = trial.command == "move" or (trial.command == "insert" and trial.case)
    # "update or delete on table …": rows of others refer to this one; one that has none could go.
    if answer.state == FOREIGN_KEY and partly and answer.message.startswith("insert or update"):
        return DENIED  # no value of the other world goes with the rest of the row
    certain = (trial.lands or trial.case or len(trial.aims) == 1) and not trial.doubtful
    return REACHED if certain else NOTHING
