"""How the tests of the faults run the gate, and what a planted fault must have led to."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.reference.model import Fault
from shipworthy.catalogue import read_catalogue
from shipworthy.house import HOUSE
from shipworthy.ledger import read_ledger

CHECKS = {check.id: check for check in read_catalogue([HOUSE / "suites"])}
STAGES = list(dict.fromkeys(check.stage for check in CHECKS.values()))
LONGEST_S = 400


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a run of the gate ended in."""

    code: int
    said: str
    verdict: dict[str, Any]
    records: list[dict[str, Any]]

    def of(self, check: str) -> dict[str, Any]:
        """Give the record of a check."""
        return next(record for record in self.records if record["check"] == check)


def judge(folder: Path, *words: str) -> Judgement:
    """Run the gate in a folder; earlier runs that lie there are its history."""
    done = subprocess.run(
        [sys.executable, "-m", "shipworthy.cli", "run", "--reports", str(folder), *words],
        cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    said = done.stdout + done.stderr
    verdicts = sorted(folder.glob("runs/*/*/verdict.json"), key=lambda path: path.stat().st_mtime_ns)
    assert verdicts, said
    run = verdicts[-1].parent
    records = [e for e in read_ledger(run / "ledger.jsonl") if e["event"] == "check"]
    return Judgement(done.returncode, said, json.loads((run / "verdict.json").read_text()), records)


def assert_caught(fault: Fault, judgement: Judgement, again: str) -> None:
    """Hold a run to what a planted fault must lead to: NO-GO at its stage, by its check, with the remedy."""
    said = judgement.said
    assert (judgement.code, judgement.verdict["verdict"]) == (1, "NO-GO"), said
    stage = CHECKS[fault.caught_by].stage
    outcomes = {record["check"]: record["outcome"] for record in judgement.records}
    assert outcomes[fault.caught_by] == "failed", said
    blocking = {check for check, outcome in outcomes.items() if outcome in {"failed", "error", "unverified"}}
    assert {CHECKS[check].stage for check in blocking} == {stage}, said
    later = STAGES[STAGES.index(stage) + 1 :]
    assert {o for check, o in outcomes.items() if CHECKS[check].stage in later} <= {"withheld"}, said
    findings = judgement.of(fault.caught_by)["findings"]
    assert findings
    for finding in findings:
        assert all(finding[part].strip() for part in ("subject", "saw", "want", "fix")), finding
    assert f"run again: {again} --check {fault.caught_by}" in said
