"""The plan: the checks that a run owes, sealed before the first one starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from shipworthy.catalogue import Check
from shipworthy.errors import RunError
from shipworthy.revision import Revision
from shipworthy.target import Target

VERSION = 1


@dataclass(frozen=True, slots=True)
class Selection:
    """A limit on a run: these stages, these checks. A limited run can never promote."""

    stages: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()

    @property
    def label(self) -> str | None:
        """Say what the run is limited to; None where it is whole."""
        return ", ".join((*self.stages, *self.checks)) or None

    def admits(self, check: Check) -> bool:
        """Tell whether the run includes this check."""
        if not self.stages and not self.checks:
            return True
        return check.stage in self.stages or check.id in self.checks

    def refuse_unknown(self, catalogue: Sequence[Check]) -> None:
        """Raise where a named stage or check does not exist.

        Raises:
            RunError: naming what there is.

        """
        stages = list(dict.fromkeys(check.stage for check in catalogue))
        for name in self.stages:
            if name not in stages:
                raise RunError(f"there is no stage {name!r}; the stages are: {', '.join(stages)}")
        known = {check.id for check in catalogue}
        for name in self.checks:
            if name not in known:
                raise RunError(f"there is no check {name!r}; `shipworthy checks` lists them")


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """One check that the run owes a record for."""

    id: str
    stage: str
    number: int
    file: str
    line: int
    claim: str
    why: str
    fix: str
    needs: tuple[str, ...]
    mutates: bool
    alone: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a verdict is measured against."""

    shipworthy: str
    target: dict[str, Any]
    run: str
    created: str
    revision: dict[str, Any]
    partial: str | None
    command: str
    stages: tuple[dict[str, Any], ...]
    checks: tuple[PlannedCheck, ...]
    not_applicable: tuple[str, ...]
    unmet: dict[str, str]
    waivers: tuple[dict[str, str], ...]
    retries: dict[str, int] = field(default_factory=dict)
    version: int = VERSION
    digest: str = ""

    def sealed(self) -> Plan:
        """Give the plan with its digest: sha256 over its canonical JSON without the digest."""
        return replace(self, digest=self._digest())

    def _digest(self) -> str:
        body = asdict(self) | {"digest": ""}
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def intact(self) -> bool:
        """Tell whether the plan is still what was sealed."""
        return bool(self.digest) and self.digest == self._digest()

    def write(self, path: Path) -> None:
        """Write the plan as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_plan(path: Path) -> Plan:
    """Read a plan back.

    Raises:
        RunError: it is missing or no plan of this version.

    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw.get("version") != VERSION:
            raise RunError(f"{path}: plan version {raw.get('version')!r}, this shipworthy reads {VERSION}")
        raw["checks"] = tuple(PlannedCheck(**c | {"needs": tuple(c["needs"])}) for c in raw["checks"])
        for name in ("stages", "not_applicable", "waivers"):
            raw[name] = tuple(raw[name])
        return Plan(**raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} cannot be read as a plan: {error}") from error


def make_plan(
    catalogue: Sequence[Check],
    target: Target,
    selection: Selection,
    *,
    run: str,
    created: str,
    revision: Revision,
    command: str,
    shipworthy: str,
) -> Plan:
    """Decide what this run owes, and seal it."""
    selection.refuse_unknown(catalogue)
    admitted = [check for check in catalogue if selection.admits(check)]
    unmet = {check.id: reason for check in admitted if (reason := why_not_applicable(check, target))}
    owed = [check for check in admitted if check.id not in unmet]
    return Plan(
        shipworthy=shipworthy,
        target={
            "name": target.name,
            "promotes_to": target.promotes_to,
            "writes": target.writes,
            "address": address(target),
        },
        run=run,
        created=created,
        revision={"commit": revision.commit, "dirty": revision.dirty},
        partial=selection.label,
        command=command,
        stages=tuple(_stages(owed, target)),
        checks=tuple(_planned(check) for check in owed),
        not_applicable=tuple(unmet),
        unmet=unmet,
        waivers=tuple(
            {name: str(value) for name, value in waiver.model_dump(mode="json").items()}
            for waiver in target.waivers
        ),
        retries=dict(target.retries.stages),
    ).sealed()


def why_not_applicable(check: Check, target: Target) -> str | None:
    """Say why a check does not apply to a target; None where it does."""
    undeclared = [part for part in check.needs if not target.declares(part)]
    if undeclared:
        return f"the target does not declare {', '.join(undeclared)}"
    if check.mutates and target.writes == "none":
        return 'it writes, and the target says writes = "none"'
    return None


def address(target: Target) -> str:
    """Say in one phrase where a target is."""
    for part in (target.supabase, target.gateway, target.web):
        if part is not None:
            return part.url
    if target.database is not None and not target.addresses:
        return f"{target.database.project}, a project and no deployment"
    return "no address declared"


def _stages(owed: Iterable[Check], target: Target) -> Iterable[dict[str, Any]]:
    for number, name in dict.fromkeys((check.number, check.stage) for check in owed):
        budget = target.budgets.stages.get(name, target.budgets.stage_s)
        yield {"name": name, "number": number, "budget_s": budget}


def _planned(check: Check) -> PlannedCheck:
    file = "/".join(check.path.parts[-3:])
    return PlannedCheck(
        check.id, check.stage, check.number, file, check.line, check.claim, check.why, check.fix,
        check.needs, check.mutates, check.alone,
    )  # fmt: skip
