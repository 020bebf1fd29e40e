"""Where two catalogues differ."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from shipworthy.probes.postgres.catalogue import Catalogue

LONGEST_DIFF = 16
COMES_AND_GOES = "partitions"
"""How partitions are guarded is compared where both sides have some: a job makes and drops them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that two databases do not share; the side that lacks it has None."""

    kind: str
    name: str
    project: str | None
    live: str | None

    @property
    def subject(self) -> str:
        """Name the fact: ``policy public.documents.members_read``."""
        return f"{self.kind} {self.name}"

    @property
    def sides(self) -> str:
        """Say what each side has: one line each, or the lines in which long definitions differ."""
        if self.live is None:
            return f"the project makes it ({_head(self.project)}), the live database lacks it"
        if self.project is None:
            return f"the live database has it ({_head(self.live)}), the project does not make it"
        if "\n" not in self.live + self.project:
            return f"project: {self.project}; live: {self.live}"
        return "project (-) and live (+) differ:\n" + changed_lines(self.project, self.live)

    @property
    def remedy(self) -> str:
        """Say how to bring the sides together."""
        if self.live is None:
            return (
                "run `supabase db push`; if it was removed from live on purpose, remove it in a new migration"
            )
        if self.project is None:
            return "remove it from live, or put it into a migration (`supabase db pull`)"
        return "run `supabase db push`; if live is right, put it into a migration (`supabase db pull`)"


@dataclass(frozen=True, slots=True)
class Drift:
    """What a project makes against what is deployed."""

    project: Catalogue
    live: Catalogue

    def compared(self, *kinds: str) -> int:
        """Count the facts of these kinds that both sides have: what a comparison rests on."""
        return sum(key[0] in kinds for key in self.project.keys() & self.live.keys())

    def differences(self, *kinds: str) -> tuple[Difference, ...]:
        """Give the differences of these kinds."""
        return tuple(d for d in compare(self.project, self.live) if d.kind in kinds)


def compare(project: Catalogue, live: Catalogue) -> tuple[Difference, ...]:
    """Give every fact that differs between two databases, in order of kind and name."""
    both = project.keys() & live.keys()
    return tuple(
        Difference(*key, project.get(key), live.get(key))
        for key in sorted(project.keys() | live.keys())
        if project.get(key) != live.get(key) and (key[0] != COMES_AND_GOES or key in both)
    )


def changed_lines(before: str, after: str) -> str:
    """Give the lines in which two texts differ, marked ``-`` and ``+``, the first sixteen of them."""
    diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))
    changed = [line.rstrip() for line in diff[2:] if not line.startswith("@@") and line[1:].strip()]
    more = len(changed) - LONGEST_DIFF
    return "\n".join(changed[:LONGEST_DIFF] + ([f"… {more} more lines differ"] if more > 0 else []))


def _head(definition: str | None) -> str:
    lines = (definition or "").splitlines() or [""]
    return lines[0] + (" …" if len(lines) > 1 else "")
