"""Findings: what a check reports when its claim does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation: what it is about, what was seen, what was expected, what to do."""

    subject: str
    saw: str
    want: str
    fix: str

    def __str__(self) -> str:
        return "\n".join(f"{name:>7}: {text}" for name, text in asdict(self).items())


class FindingsError(AssertionError):
    """The claim of a check does not hold; carries every finding."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n\n".join(str(finding) for finding in self.findings))


class VacuousCheckError(AssertionError):
    """A check found nothing to look at, so it has shown nothing."""


@dataclass(slots=True)
class Findings:
    """Collects the findings of one check and how much it looked at.

    ``for table in findings.over(tables, "exposed tables")`` counts what is examined;
    a check that examined nothing fails as vacuous.
    """

    reported: list[Finding] = field(default_factory=list)
    examined: dict[str, int] = field(default_factory=dict)

    def over(self, subjects: Iterable[T], what: str) -> Iterator[T]:
        """Iterate over what the check looks at, counting it under the plural noun ``what``."""
        self.examined.setdefault(what, 0)
        for subject in subjects:
            self.examined[what] += 1
            yield subject

    def looked_at(self, count: int, what: str) -> None:
        """Count things that were looked at without a loop: rows, requests, samples."""
        self.examined[what] = self.examined.get(what, 0) + count

    def add(self, subject: str, *, saw: str, want: str, fix: str) -> None:
        """Report one violation; the check goes on and may report more."""
        self.reported.append(Finding(subject, saw, want, fix))

    def settle(self) -> None:
        """Raise what was found.

        Raises:
            FindingsError: at least one finding was reported.
            VacuousCheckError: some kind of thing was to be examined and there was none,
                or nothing was counted at all.

        """
        if self.reported:
            raise FindingsError(self.reported)
        missing = [what for what, count in self.examined.items() if not count]
        if missing or not self.examined:
            nothing = " and no ".join(missing) or "thing to look at"
            message = f"the check found no {nothing}: it has shown nothing"
            raise VacuousCheckError(message)
