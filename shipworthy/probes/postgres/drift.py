"""Where two catalogues differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from shipworthy.probes.postgres.catalogue import Catalogue

LONGEST_DIFF = 16


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that two databases do not share; the side that lacks it has None."""

    kind: str
    name: str
    project: str | None
    live: str | None

    @property
    def sides(self) -> str:
        """Say what each side has, briefly: one line each, or the lines in which long definitions differ."""
        if self.live is None:
            return f"the project has it ({_head(self.project)}), the live database does not"
        if self.project is None:
            return f"the live database has it ({_head(self.live)}), the project does not"
        if "\n" not in self.live + self.project:
            return f"project: {self.project}; live: {self.live}"
        lines = list(difflib.unified_diff(
            self.project.splitlines(), self.live.splitlines(), "project", "live", lineterm="", n=0
        ))  # fmt: skip
        changed = [line for line in lines[2:] if not line.startswith("@@")]
        shown = changed[:LONGEST_DIFF]
        if len(changed) > len(shown):
            shown.append(f"… {len(changed) - len(shown)} more lines differ")
        return "project (-) and live (+) differ:\n" + "\n".join(shown)


def compare(want: Catalogue, have: Catalogue) -> tuple[Difference, ...]:
    """Give every fact that differs between the project (``want``) and a deployed database (``have``).

    How partitions are guarded is compared where both sides have partitions: they come and go by a job.
    """
    both = want.keys() & have.keys()
    return tuple(
        Difference(*key, want.get(key), have.get(key))
        for key in sorted(want.keys() | have.keys())
        if want.get(key) != have.get(key) and (key[0] != "partitions" or key in both)
    )


def of_kinds(differences: Iterable[Difference], *kinds: str) -> tuple[Difference, ...]:
    """Keep the differences of these kinds."""
    return tuple(difference for difference in differences if difference.kind in kinds)


def _head(definition: str | None) -> str:
    lines = (definition or "").splitlines() or [""]
    return lines[0] + (" …" if len(lines) > 1 else "")
