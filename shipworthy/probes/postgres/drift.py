"""Where two catalogues differ: one difference for each cause."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from shipworthy.probes.postgres.catalogue import Catalogue, Fact
from shipworthy.probes.postgres.remedies import statement
from shipworthy.probes.postgres.tolerance import tolerated

LONGEST_DIFF = 16
IRREGULAR = {"policy": "policies", "index": "indexes", "replica identity": "", "row level security": ""}
"""Kinds whose plural needs saying; those without one are settings of their table and go unsaid."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that two databases do not share; the side that lacks it has None."""

    kind: str
    name: str
    project: str | None
    live: str | None
    followed_by: tuple[Fact, ...] = ()
    """What differs only because this does: the columns, policies and grants of a missing table."""
    pending: bool = False
    """There are migrations to be applied, which may be why."""

    @property
    def subject(self) -> str:
        """Name the fact: ``policy public.documents.members_read``."""
        return f"{self.kind} {self.name}"

    @property
    def sides(self) -> str:
        """Say what each side has: one line each, or the lines in which long definitions differ."""
        if self.live is None:
            return f"the project makes it ({_head(self.project)}), the live database lacks it{self._rest()}"
        if self.project is None:
            return (
                f"the live database has it ({_head(self.live)}), the project does not make it{self._rest()}"
            )
        if "\n" not in self.live + self.project:
            return f"project: {self.project}; live: {self.live}{self._rest()}"
        return "project (-) and live (+) differ:\n" + changed_lines(self.project, self.live) + self._rest()

    @property
    def remedy(self) -> str:
        """Say how to bring the sides together."""
        sql = statement(self.kind, self.name, self.project, self.live)
        on_live = f"on live: `{sql}`" if sql else "apply the statement of its migration to live again"
        if self.pending and self.project is not None:
            return f"`supabase db push` applies what is pending; if it still differs then, {on_live}"
        if self.live is None:
            return f"{on_live}; if it was removed on purpose, remove it in a new migration, too"
        if self.project is None:
            return f"{on_live}; if it shall stay, put it into a migration (`supabase db pull`)"
        return f"{on_live}; if live is right, put the change into a migration (`supabase db pull`)"

    def _rest(self) -> str:
        kinds = Counter(kind for kind, _ in self.followed_by if IRREGULAR.get(kind, kind))
        words = [
            f"{count} {kind if count == 1 else IRREGULAR.get(kind, kind + 's')}"
            for kind, count in kinds.items()
        ]
        return f"; with it {', '.join(words)}" if words else ""


@dataclass(frozen=True, slots=True)
class Drift:
    """What a project makes against what is deployed."""

    project: Mapping[Fact, str]
    live: Mapping[Fact, str]
    found: tuple[Difference, ...]

    def compared(self, *kinds: str) -> int:
        """Count the facts of these kinds that both sides have: what a comparison rests on."""
        return sum(key[0] in kinds for key in self.project.keys() & self.live.keys())

    def differences(self, *kinds: str) -> tuple[Difference, ...]:
        """Give the differences of these kinds."""
        return tuple(difference for difference in self.found if difference.kind in kinds)


def measure_drift(
    project: Catalogue,
    live: Catalogue,
    *,
    automatic: bool = False,
    pins: Mapping[str, str] | None = None,
    pending: bool = False,
) -> Drift:
    """Compare what a project makes with what is deployed.

    Args:
        project: the catalogue of the migrated scratch database, with its surroundings.
        live: that of the deployed one.
        automatic: what the platform granted by itself before its default changed is no difference.
        pins: the extensions whose versions migrations name.
        pending: some migrations are not applied yet.

    """
    found = compare(project, live, automatic=automatic)
    versions = {name: live.get(("extension version", name)) for name in pins or {}}
    outdated = (
        Difference("extension version", name, pins[name], version)
        for name, version in versions.items()
        if pins and version not in {None, pins[name]}
    )
    both = (*found, *outdated)
    return Drift(project, live, tuple(replace(difference, pending=pending) for difference in both))


def compare(project: Catalogue, live: Catalogue, *, automatic: bool = False) -> tuple[Difference, ...]:
    """Give every fact that differs between two databases, in order of kind and name.

    What differs only because something else does (the columns of a missing table) is part of that
    difference and none of its own.
    """
    differing = {
        fact: Difference(*fact, project.get(fact), live.get(fact))
        for fact in sorted(project.keys() | live.keys())
        if project.get(fact) != live.get(fact) and not tolerated(fact, project, live, automatic=automatic)
    }
    causes = {difference.subject: fact for fact, difference in differing.items()}
    following: dict[Fact, list[Fact]] = {}
    for fact, difference in differing.items():
        parents = (project if difference.live is None else live).parents.get(fact, frozenset())
        cause = _cause(difference, [differing[causes[parent]] for parent in parents if parent in causes])
        if cause:
            following.setdefault(cause, []).append(fact)
    folded = {fact for facts in following.values() for fact in facts}
    return tuple(
        replace(difference, followed_by=tuple(_with_all(following, fact)))
        for fact, difference in differing.items()
        if fact not in folded
    )


def _cause(difference: Difference, parents: list[Difference]) -> Fact | None:
    """Find the difference without which this one would not be: a parent that the same side lacks."""
    if difference.project is not None and difference.live is not None:
        return None
    for parent in parents:
        same_side = parent.live is None if difference.live is None else parent.project is None
        # The sequence of an identity column comes and goes with a change of that column.
        if same_side or (difference.kind == "sequence" and parent.kind == "column"):
            return (parent.kind, parent.name)
    return None


def _with_all(following: Mapping[Fact, list[Fact]], fact: Fact) -> list[Fact]:
    """Collect what follows from a fact, and from that, and so on."""
    found = []
    for follower in following.get(fact, ()):
        found += [follower, *_with_all(following, follower)]
    return found


def changed_lines(before: str, after: str) -> str:
    """Give the lines in which two texts differ, marked ``-`` and ``+``, the first sixteen of them."""
    diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))
    changed = [line.rstrip() for line in diff[2:] if not line.startswith("@@") and line[1:].strip()]
    more = len(changed) - LONGEST_DIFF
    return "\n".join(changed[:LONGEST_DIFF] + ([f"… {more} more lines differ"] if more > 0 else []))


def _head(definition: str | None) -> str:
    lines = (definition or "").splitlines() or [""]
    return lines[0] + (" …" if len(lines) > 1 else "")
