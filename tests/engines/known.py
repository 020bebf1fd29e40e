"""What is known of an engine's deviations from the contract, and how it compares with what a run found."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field

KNOWN = Path(__file__).with_name("known.toml")
CHANGES = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=127\.0\.0\.1:)\d+|\b\d{10}\b")
"""Ids, ports and times: different in every run."""
Words = Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Deviation(_Entry):
    """One way in which the engine breaks the contract, and the findings that show it."""

    check: Words
    subjects: Annotated[tuple[Words, ...], Field(min_length=1)]
    """Of the findings; ``*`` stands for whatever changes from run to run."""
    shows: Words
    """What stands in the ``saw`` of each; ``*`` as above."""
    bytes: Words
    """What was on the wire."""
    why: Words
    """What the contract says instead."""
    of: Literal["OpenAI", "the target"] = "OpenAI"
    """Whose contract is broken: the target file asks for more than OpenAI's API does."""
    sometimes: str = ""
    """Why a run may not show it; empty where every run does."""


class Unseen(_Entry):
    """A check that could not look, and why that is no fault of the check."""

    check: Words
    says: Words
    """What stands in the check's message; ``*`` as above."""
    why: Words


class Unasked(_Entry):
    """A deviation that was seen by hand and that no check looks for."""

    what: Words
    bytes: Words


class Known(_Entry):
    """The content of ``known.toml``."""

    versions: dict[str, str]
    """The packages of the engine that was looked at."""
    offers: tuple[str, ...]
    """What the target says that the engine offers."""
    deviation: tuple[Deviation, ...]
    unseen: tuple[Unseen, ...] = ()
    unasked: tuple[Unasked, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a run has to say about the engine."""

    kind: Literal["deviation", "unseen"]
    check: str
    subject: str
    """Empty where the check could not look."""
    said: str
    """``saw`` of the finding, or the check's message."""

    def subject_in(self, entry: Deviation | Unseen) -> str | None:
        """Give the subject of a known entry that this is about (empty where it has none); None: another."""
        if entry.check != self.check:
            return None
        if isinstance(entry, Unseen):
            return "" if self.kind == "unseen" and _holds(self.said, entry.says) else None
        if self.kind != "deviation" or not _holds(self.said, entry.shows):
            return None
        return next((s for s in entry.subjects if _pattern(s).fullmatch(self.subject)), None)

    @property
    def stanza(self) -> str:
        """The TOML that makes it known, once the bytes and the reason are filled in."""
        if self.kind == "unseen":
            entry: dict[str, Any] = {"check": self.check, "says": _steady(self.said), "why": ""}
        else:
            about = {"check": self.check, "subjects": [_steady(self.subject)], "shows": _steady(self.said)}
            entry = about | {"bytes": "", "why": ""}
        return tomlkit.dumps({self.kind: [entry]})


Place = tuple[Deviation | Unseen, str]
"""A known entry and one of its subjects; the subject is empty where a check could not look."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run found beside what is known."""

    new: tuple[Seen, ...]
    met: tuple[Place, ...]
    """Known, and found again."""
    gone: tuple[Place, ...]
    """Known to be always there, and not found: the engine, the check or the target changed."""


def read_known(path: Path = KNOWN) -> Known:
    """Read what is known."""
    return Known.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def seen_in(records: Sequence[Mapping[str, Any]]) -> Iterator[Seen]:
    """Give what the records of a run's checks say: each finding, and each check that could not look.

    A finding about the check itself says that it found nothing to look at.
    """
    for record in records:
        check, outcome = record["check"], record["outcome"]
        for finding in record["findings"]:
            empty = finding["subject"] == check
            yield Seen("unseen" if empty else "deviation", check, finding["subject"], finding["saw"])
        if outcome in {"unverified", "error", "withheld"} or (outcome == "failed" and not record["findings"]):
            yield Seen("unseen", check, "", record["message"] or outcome)


def compare(seen: Sequence[Seen], known: Known) -> Comparison:
    """Put what was found beside what is known."""
    entries = (*known.deviation, *known.unseen)
    fitting = [[(e, s) for e in entries if (s := one.subject_in(e)) is not None] for one in seen]
    met = [place for places in fitting for place in places]
    always = [(e, s) for e in entries for s in _subjects(e) if not getattr(e, "sometimes", "")]
    return Comparison(
        new=tuple(one for one, places in zip(seen, fitting, strict=True) if not places),
        met=tuple(dict.fromkeys(met)),
        gone=tuple(place for place in always if place not in met),
    )


def _subjects(entry: Deviation | Unseen) -> tuple[str, ...]:
    return entry.subjects if isinstance(entry, Deviation) else ("",)


def _holds(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(text) is not None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*"), re.DOTALL)


def _steady(text: str) -> str:
    return CHANGES.sub("*", text)
