"""The three kinds of trouble, three types.

The claim does not hold: ``AssertionError`` (with findings, see ``shipworthy.findings``).
Could not look: ``ProbeError``.  Was not told enough: ``TargetError``.
"""

from __future__ import annotations

from dataclasses import dataclass


class ProbeError(Exception):
    """The deployment could not be observed; the check is unverified.

    The message names what was asked, what came instead, and what to do.
    """


class WriteRefusedError(ProbeError):
    """A probe tried to write to a target that does not allow it."""


class RunError(Exception):
    """The gate could not run (bad usage, unreadable run folder); exit code 2."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a target file."""

    key: str
    saw: str
    want: str

    def __str__(self) -> str:
        return f"{self.key}: {self.saw}; {self.want}"


class TargetError(RunError):
    """The target file does not say enough, or says it wrongly; raised before anything is collected.

    Carries every problem of the file, so that one edit can mend them all.
    """

    def __init__(self, source: str, problems: list[Problem], *, hint: str = "") -> None:
        self.source = source
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{source}: {count}\n{lines}" + (f"\n{hint}" if hint else ""))
