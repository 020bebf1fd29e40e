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
    """One way in which the engine breaks the contract, and the finding that shows it."""

    check: Words
    subject: Words
    """Of the finding; ``*`` stands for whatever changes from run to run."""
    shows: Words
    """What stands in the finding's ``saw``; ``*`` as above."""
    bytes: Words
    """What was on the wire."""
    why: Words
    """What the contract says instead, and where."""


class Unseen(_Entry):
    """A check that could not look, and why that is the engine's doing or the target's."""

    check: Words
    says: Words
    """What stands in the check's message; ``*`` as above."""
    why: Words


class Known(_Entry):
    """The content of ``known.toml``."""

    versions: dict[str, str]
    """The packages of the engine that was looked at."""
    offers: tuple[str, ...]
    """What the target says that the engine offers."""
    deviation: tuple[Deviation, ...]
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a run has to say about the engine."""

    kind: Literal["deviation", "unseen"]
    check: str
    subject: str
    """Empty where the check could not look."""
    said: str
    """``saw`` of the finding, or the check's message."""

    def fits(self, entry: Deviation | Unseen) -> bool:
        """Tell whether a known entry is about this."""
        if entry.check != self.check:
            return False
        if isinstance(entry, Unseen):
            return self.kind == "unseen" and _holds(self.said, entry.says)
        same = self.kind == "deviation" and _pattern(entry.subject).fullmatch(self.subject)
        return bool(same) and _holds(self.said, entry.shows)

    @property
    def stanza(self) -> str:
        """The TOML that makes it known, once the bytes and the reason are filled in."""
        if self.kind == "unseen":
            entry = {"check": self.check, "says": _steady(self.said), "why": ""}
        else:
            about = {"check": self.check, "subject": _steady(self.subject), "shows": _steady(self.said)}
            entry = about | {"bytes": "", "why": ""}
        return tomlkit.dumps({self.kind: [entry]})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run found beside what is known."""

    new: tuple[Seen, ...]
    seen: tuple[Deviation | Unseen, ...]
    """Known, and found again."""
    gone: tuple[Deviation | Unseen, ...]
    """Known, and not found: the engine, the check or the target changed."""


def read_known(path: Path = KNOWN) -> Known:
    """Read what is known."""
    return Known.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def seen_in(records: Sequence[Mapping[str, Any]]) -> Iterator[Seen]:
    """Give what the records of a run's checks say: each finding, and each check that could not look."""
    for record in records:
        check, outcome = record["check"], record["outcome"]
        for finding in record["findings"]:
            yield Seen("deviation", check, finding["subject"], finding["saw"])
        if outcome in {"unverified", "error", "withheld"} or (outcome == "failed" and not record["findings"]):
            yield Seen("unseen", check, "", record["message"] or outcome)


def compare(seen: Sequence[Seen], known: Known) -> Comparison:
    """Put what was found beside what is known."""
    entries = (*known.deviation, *known.unseen)
    met = tuple(entry for entry in entries if any(one.fits(entry) for one in seen))
    return Comparison(
        new=tuple(one for one in seen if not any(one.fits(entry) for entry in entries)),
        seen=met,
        gone=tuple(entry for entry in entries if entry not in met),
    )


def _holds(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(text) is not None


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*"), re.DOTALL)


def _steady(text: str) -> str:
    return CHANGES.sub("*", text)
