"""What follows from raw observations and promises: figures, findings, or that it cannot be told.

A check and ``shipworthy judge`` come to it by the same pure function, the one while the run goes on and the
other afterwards, with other limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shipworthy.errors import ProbeError
from shipworthy.evidence.writer import Evidence, Measure, safe_name
from shipworthy.findings import Finding, Findings


@dataclass(frozen=True, slots=True)
class Judged:
    """One check's judgement."""

    looked_at: tuple[int, str]
    """How much there was to look at, and of what, in the plural."""
    measures: tuple[Measure, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unclear: str | None = None
    """Why it can be told neither way, and what would tell; counts only where nothing was found."""

    def report(self, findings: Findings, evidence: Evidence) -> None:
        """Let a check say it.

        Raises:
            ProbeError: it can be told neither way.

        """
        findings.looked_at(*self.looked_at)
        findings.reported += self.findings
        evidence.measures += self.measures
        for note in self.notes:
            evidence.note(note)
        if self.unclear and not self.findings:
            raise ProbeError(self.unclear)


def kept_file(run_folder: Path, check: str, name: str) -> Path:
    """Find a file that a check left as evidence, of its last attempt.

    Raises:
        FileNotFoundError: it left none.

    """
    stage, _, rest = check.partition(".")
    folder = run_folder / "stages" / safe_name(stage)
    attempts = sorted(
        folder.glob(f"{safe_name(rest)}.attempt-*"), key=lambda path: int(path.name.rpartition("-")[2])
    )
    for place in (*reversed(attempts), folder / safe_name(rest)):
        if (place / name).is_file():
            return place / name
    raise FileNotFoundError(f"{check} left no {name}")
