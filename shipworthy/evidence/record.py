"""What a run folder tells: plan, ledger and verdict joined, whatever state they were left in.

Every report is made from a ``RunRecord`` and from nothing else. A killed run leaves files that
are cut off or missing; what could not be read is named in ``RunRecord.problems``, and such a
record never reads GO.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipworthy.evidence.redaction import Redactor
from shipworthy.ledger import Outcome
from shipworthy.verdict import WORST_FIRST

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One planned check and what the ledger holds about it."""

    planned: Json
    attempts: tuple[Json, ...]
    """Its ledger lines; none where the run ended before the check did."""
    remark: str
    """What the verdict says about it."""
    command: str
    """What ran the gate."""

    @property
    def last(self) -> Json:
        """The ledger line that counts; empty where there is none."""
        return self.attempts[-1] if self.attempts else {}

    @property
    def id(self) -> str:
        """The check's id, with its variant where it has one."""
        variant = self.last.get("variant")
        return f"{self.planned['id']}[{variant}]" if variant else str(self.planned["id"])

    @property
    def stage(self) -> str:
        """The stage's name."""
        return str(self.planned.get("stage") or self.planned["id"].partition(".")[0])

    @property
    def claim(self) -> str:
        """The first line of the check's documentation, or its id."""
        return str(self.planned.get("claim") or self.planned["id"])

    @property
    def outcome(self) -> Outcome:
        """What became of it; a check without a record, or with one that makes no sense, is an error."""
        try:
            return Outcome(self.last["outcome"])
        except (KeyError, ValueError):
            return Outcome.ERROR

    @property
    def message(self) -> str:
        """What is known in a few words."""
        unrecorded = self.remark or "it left no record: the run ended before it did"
        return str(self.last.get("message") or "") if self.attempts else unrecorded

    @property
    def flaky(self) -> bool:
        """It passed, and not at the first attempt."""
        return len(self.attempts) > 1 and not self.outcome.blocks

    @property
    def again(self) -> str:
        """The command that runs this check again."""
        return f"{self.command} --check {self.planned['id']}"


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage: its checks and what became of them."""

    name: str
    outcome: Outcome
    duration_s: float | None
    budget_s: float | None
    checks: tuple[CheckRecord, ...]

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many checks have which outcome, the worst first."""
        return _counts(self.checks)

    @property
    def ran(self) -> bool:
        """At least one of its checks began."""
        return any(check.attempts and check.outcome is not Outcome.WITHHELD for check in self.checks)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, as its folder tells it."""

    folder: Path
    plan: Json
    verdict: Json
    events: tuple[Json, ...]
    stages: tuple[StageRecord, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def go(self) -> bool:
        """The verdict is GO and nothing in plan and ledger contradicts it."""
        return self.verdict.get("verdict") == "GO" and not self.problems and not self.blocking

    @property
    def partial(self) -> str | None:
        """What the run was limited to; a partial run promotes nothing."""
        return self.verdict.get("partial") or self.plan.get("partial")

    @property
    def title(self) -> str:
        """GO or NO-GO, and whether in part only."""
        return ("GO" if self.go else "NO-GO") + (", partial" if self.partial else "")

    @property
    def target(self) -> Json:
        """Name, address, what may be written, where it promotes to."""
        target = self.plan.get("target")
        known = target if isinstance(target, dict) else {}
        return {"name": self.verdict.get("target") or "unknown target", **known}

    @property
    def revision(self) -> str:
        """The commit, and whether the working tree had changes; ``unknown`` without one."""
        commit = str(self._revision.get("commit") or "unknown")[:12]
        return f"{commit} with uncommitted changes" if self.dirty else commit

    @property
    def dirty(self) -> bool:
        """The working tree had changes that are in no revision; such a run promotes nothing."""
        return bool(self._revision.get("dirty"))

    @property
    def _revision(self) -> Json:
        revision = self.plan.get("revision") or self.verdict.get("revision")
        return revision if isinstance(revision, dict) else {}

    @property
    def run(self) -> str:
        """The run's id."""
        return str(self.plan.get("run") or self.verdict.get("run") or self.folder.name)

    @property
    def started(self) -> dt.datetime | None:
        """When it began."""
        first = self.events[0].get("time") if self.events else None
        return moment(self.verdict.get("started")) or moment(first) or moment(self.plan.get("created"))

    @property
    def ended(self) -> dt.datetime | None:
        """When it ended, or when the last sign of it was written."""
        last = self.events[-1].get("time") if self.events else None
        return moment(self.verdict.get("ended")) or moment(last)

    @property
    def duration_s(self) -> float | None:
        """From start to end; None where one of them is not known."""
        told = self.verdict.get("duration_s")
        if isinstance(told, (int, float)):
            return float(told)
        return (self.ended - self.started).total_seconds() if self.ended and self.started else None

    @property
    def checks(self) -> list[CheckRecord]:
        """Every planned check, in the order of the stages."""
        return [check for stage in self.stages for check in stage.checks]

    @property
    def blocking(self) -> list[CheckRecord]:
        """Every check that keeps the verdict from GO, withheld ones too."""
        return [check for check in self.checks if check.outcome.blocks]

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many checks have which outcome, the worst first."""
        return _counts(self.checks)

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, in one sentence."""
        told = str(self.verdict.get("reason") or "")
        if self.verdict.get("verdict") == "GO" and not self.go:
            return "the folder contradicts its own verdict: " + (
                self.problems[0] if self.problems else f"{self.blocking[0].id} is {self.blocking[0].outcome}"
            )
        return told or (self.problems[0] if self.problems else "")

    def with_outcome(self, *outcomes: Outcome) -> list[CheckRecord]:
        """Give the checks that ended so."""
        return [check for check in self.checks if check.outcome in outcomes]


def read_run(folder: Path, redactor: Redactor) -> RunRecord:
    """Read a run folder in whatever state it is; nothing in the record holds a secret."""
    problems: list[str] = []
    plan = redactor.redact_json(_object(folder / "plan.json", problems))
    events = redactor.redact_json(_lines(folder / "ledger.jsonl", problems))
    verdict = redactor.redact_json(_object(folder / "verdict.json", problems))
    stages = _stages(plan, events, verdict)
    if plan and not any(stage.checks for stage in stages):
        problems.append("the plan holds no checks")
    return RunRecord(folder, plan, verdict, tuple(events), tuple(stages), tuple(problems))


def moment(text: Any) -> dt.datetime | None:
    """Parse a time of the ledger; None where it is none."""
    try:
        return dt.datetime.fromisoformat(str(text)).astimezone(dt.UTC)
    except ValueError:
        return None


def _object(path: Path, problems: list[str]) -> Json:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{path.name} is missing: the run was stopped before it was written")
    except ValueError as error:
        problems.append(f"{path.name} cannot be read: {error}")
    else:
        if isinstance(content, dict):
            return content
        problems.append(f"{path.name} cannot be read: it holds no object")
    return {}


def _lines(path: Path, problems: list[str]) -> list[Json]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        problems.append(f"{path.name} is missing: the run was stopped before anything was recorded")
        return []
    lines = text.removesuffix("\n").split("\n") if text else []
    events = []
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
        except ValueError:
            cut = "the run was killed while writing it" if number == len(lines) else "the ledger is damaged"
            problems.append(f"{path.name} line {number} cannot be read: {cut}")
        else:
            events += [event] if isinstance(event, dict) else []
    if not events and not problems:
        problems.append(f"{path.name} is empty: the run was stopped before anything was recorded")
    return events


def _stages(plan: Json, events: list[Json], verdict: Json) -> list[StageRecord]:
    told = {stage.get("name"): stage for stage in verdict.get("stages") or []}
    checks = _checks(plan, events, verdict)
    planned = {stage["name"]: stage for stage in plan.get("stages") or []}
    for check in checks:
        planned.setdefault(check.stage, {"name": check.stage, "number": len(planned)})
    stages = []
    for stage in sorted(planned.values(), key=lambda stage: stage.get("number", 0)):
        mine = tuple(check for check in checks if check.stage == stage["name"])
        worst = min((check.outcome for check in mine), key=WORST_FIRST.index, default=Outcome.PASSED)
        duration = told.get(stage["name"], {}).get("duration_s", _span(mine))
        stages.append(StageRecord(stage["name"], worst, duration, stage.get("budget_s"), mine))
    return [stage for stage in stages if stage.checks]


def _checks(plan: Json, events: list[Json], verdict: Json) -> list[CheckRecord]:
    attempts: dict[str, dict[str, list[Json]]] = {}
    for event in events:
        if event.get("event") == "check":
            variants = attempts.setdefault(str(event.get("check")), {})
            variants.setdefault(str(event.get("variant") or ""), []).append(event)
    planned = {check["id"]: check for check in plan.get("checks") or []}
    for unplanned in attempts.keys() - planned.keys():
        planned[unplanned] = {"id": unplanned}
    remarks = {entry.get("check"): str(entry.get("message") or "") for entry in verdict.get("blocking") or []}
    command = str(plan.get("command") or "shipworthy run TARGET")
    return [
        CheckRecord(check, tuple(lines), remarks.get(name, ""), command)
        for name, check in planned.items()
        for lines in (attempts.get(name) or {"": []}).values()
    ]


def _counts(checks: Iterable[CheckRecord]) -> dict[Outcome, int]:
    counted = Counter(check.outcome for check in checks)
    return {outcome: counted[outcome] for outcome in WORST_FIRST if counted[outcome]}


def _span(checks: tuple[CheckRecord, ...]) -> float | None:
    """From the first start to the last end, in seconds."""
    spans = [
        (end - dt.timedelta(seconds=float(line.get("duration_s") or 0)), end)
        for check in checks
        for line in check.attempts
        if line.get("outcome") != Outcome.WITHHELD and (end := moment(line.get("time")))
    ]
    return (
        (max(end for _, end in spans) - min(start for start, _ in spans)).total_seconds() if spans else None
    )
