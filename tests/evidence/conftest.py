"""Runs to draw reports of: made with the gate's own plan, ledger, verdict and evidence writer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from shipworthy.evidence.redaction import Redactor
from shipworthy.evidence.writer import Evidence
from shipworthy.ledger import Ledger, digest_of, read_ledger
from shipworthy.plan import Plan, PlannedCheck
from shipworthy.verdict import derive_verdict

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

SECRET = "s3cr3t/with+odd=chars"
ANON_KEY = (
    "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiIsInJlZiI6InJlZmVyZW5jZSJ9.c2lnbmF0dXJlLW9mLXRoZS1hbm9uLWtleQ"
)
HOSTILE = "<script>alert('hostile')</script>"
FINDING = {
    "subject": "public.documents",
    "saw": "row level security is off",
    "want": "on for every exposed table",
    "fix": "alter table public.documents enable row level security;",
}


@dataclass
class Told:
    """One run, told step by step; ``conclude`` writes the verdict as the gate derives it."""

    folder: Path
    checks: list[str]
    partial: str | None = None
    dirty: bool = False
    unmet: dict[str, str] = field(default_factory=dict)
    redactor: Redactor = field(default_factory=lambda: Redactor([SECRET, ANON_KEY], {"CRON_SECRET": SECRET}))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        stages = list(dict.fromkeys(check.partition(".")[0] for check in self.checks))
        plan = Plan(
            shipworthy="0.1.0",
            target={
                "name": "local",
                "promotes_to": "staging",
                "writes": "synthetic",
                "address": "http://127.0.0.1:1",
            },
            run="0123456789",
            created="2026-11-20T08:00:00.000Z",
            revision={"commit": "2ac00b5" * 5, "dirty": self.dirty},
            partial=self.partial,
            command="shipworthy run local",
            stages=tuple(
                {"name": n, "number": 10 * (i + 1), "budget_s": 600.0} for i, n in enumerate(stages)
            ),
            checks=tuple(self._planned(check, stages) for check in self.checks),
            not_applicable=tuple(self.unmet),
            unmet=self.unmet,
            waivers=(),
        )
        self.plan = plan.sealed()
        self.plan.write(self.folder / "plan.json")
        self.ledger = Ledger(self.folder / "ledger.jsonl")
        self.ledger.append("start", plan=self.plan.digest)

    def evidence(self, check: str) -> Evidence:
        return Evidence(self.folder, check.partition(".")[0], check, self.redactor)

    def record(self, check: str, outcome: str = "passed", **facts: Any) -> None:
        line = {
            "check": check,
            "variant": "",
            "attempt": 1,
            "final": True,
            "outcome": outcome,
            "worker": "gw0",
            "started": "2026-11-20T08:00:01.000Z",
            "duration_s": 0.25,
            "message": "",
            "findings": [],
            "waivers": [],
            "examined": {"things": 3},
            "measures": [],
            "notes": [],
            "evidence": [],
            **facts,
        }
        self.ledger.append("check", **self.redactor.redact_json(line))

    def conclude(self, *, ended: bool = True) -> Path:
        if ended:
            self.ledger.append("end")
        path = self.folder / "ledger.jsonl"
        verdict = derive_verdict(self.plan, read_ledger(path), ledger_digest=digest_of(path))
        (self.folder / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")
        return self.folder

    def _planned(self, check: str, stages: list[str]) -> PlannedCheck:
        stage, module, function = check.split(".")
        number = 10 * (stages.index(stage) + 1)
        file = f"suites/{number}_{stage}/test_{module}.py"
        claim = f"Claim that {function.replace('_', ' ')}."
        return PlannedCheck(check, stage, number, file, 7, claim, "It matters.", "Mend it.", (), False, False)


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., Told]:
    """Begin a run that owes these checks."""

    def begin(*checks: str, **facts: Any) -> Told:
        return Told(tmp_path / "20261120T080000-2ac00b5-0123456789", list(checks), **facts)

    return begin


@pytest.fixture
def clean_run(told: Callable[..., Told]) -> Told:
    """A run in which every check holds."""
    run = told("preflight.variables.present", "access.rls.tables_enforce_rls", "ui.journey.sign_in")
    for check in run.checks:
        run.record(check)
    return run


@pytest.fixture
def blocked_run(told: Callable[..., Told]) -> Told:
    """A run with every outcome there is."""
    run = told(
        "preflight.variables.present",
        "access.rls.tables_enforce_rls",
        "access.rls.anon_cannot_write",
        "access.rpc.execution_restricted",
        "access.storage.buckets_private",
        "ui.journey.sign_in",
    )
    waiver = {
        "subject": "public.plans",
        "owner": "data-team",
        "reason": "price list",
        "expires": "2027-01-31",
    }
    run.record("preflight.variables.present")
    run.record("access.rls.tables_enforce_rls", "failed", findings=[FINDING, {**FINDING, "subject": HOSTILE}])
    run.record("access.rls.anon_cannot_write", "waived", findings=[FINDING], waivers=[waiver])
    run.record("access.rpc.execution_restricted", "error", message="KeyError: 'role' (access/test_rpc.py:12)")
    run.record("access.storage.buckets_private", "unverified", message="storage did not answer within 5 s")
    run.record("ui.journey.sign_in", "withheld", message="withheld: access blocks")
    return run
