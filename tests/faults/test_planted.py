"""Every planted fault is NO-GO at its stage, by the check that should catch it; the healthy system is GO.

By default each fault meets the check that must catch it and the stage after it, which must be
withheld. With SHIPWORTHY_FAULTS=whole each one meets the whole gate: nothing before its stage may
object, and nothing after it may run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.reference.faults import all_faults
from fixtures.reference.model import Fault
from shipworthy.catalogue import read_catalogue
from shipworthy.house import HOUSE
from shipworthy.ledger import read_ledger

WHOLE = os.environ.get("SHIPWORTHY_FAULTS") == "whole"
STAGES = list(dict.fromkeys(check.stage for check in read_catalogue([HOUSE / "suites"])))
LONGEST_S = 400


def judge(folder: Path, *words: str) -> tuple[int, str, dict[str, Any], list[dict[str, Any]]]:
    """Run the gate in an empty folder; give its exit code, what it said, its verdict and its records."""
    done = subprocess.run(
        [sys.executable, "-m", "shipworthy.cli", "run", "local", "--reports", str(folder), *words],
        cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    said = done.stdout + done.stderr
    run = next((path.parent for path in folder.glob("runs/*/*/verdict.json")), None)
    assert run, said
    records = [e for e in read_ledger(run / "ledger.jsonl") if e["event"] == "check"]
    return done.returncode, said, json.loads((run / "verdict.json").read_text()), records


def part_that_matters(fault: Fault) -> list[str]:
    """Give the arguments that limit a run to the check that must catch a fault and the next stage."""
    if WHOLE:
        return []
    later = STAGES[STAGES.index(fault.caught_by.partition(".")[0]) + 1 :][:1]
    return ["-n", "0", "--check", fault.caught_by, *(word for stage in later for word in ("--stage", stage))]


@pytest.mark.parametrize("fault", all_faults().values(), ids=lambda fault: fault.name)
def test_planted_fault_is_caught_by_its_check(fault: Fault, tmp_path: Path) -> None:
    code, said, verdict, records = judge(tmp_path, "--plant", fault.name, *part_that_matters(fault))
    assert (code, verdict["verdict"]) == (1, "NO-GO"), said
    stage = fault.caught_by.partition(".")[0]
    outcomes = {record["check"]: record["outcome"] for record in records}
    assert outcomes[fault.caught_by] == "failed", said
    blocking = {check for check, outcome in outcomes.items() if outcome in {"failed", "error", "unverified"}}
    assert {check.partition(".")[0] for check in blocking} == {stage}, said
    later = STAGES[STAGES.index(stage) + 1 :]
    assert {o for check, o in outcomes.items() if check.partition(".")[0] in later} <= {"withheld"}, said
    findings = next(record["findings"] for record in records if record["check"] == fault.caught_by)
    assert findings
    for finding in findings:
        assert all(finding[part].strip() for part in ("subject", "saw", "want", "fix")), finding
    assert f"run again: shipworthy run local --plant {fault.name} --check {fault.caught_by}" in said


def test_the_healthy_deployment_gives_no_finding(tmp_path: Path) -> None:
    code, said, verdict, records = judge(tmp_path)
    assert (code, verdict["verdict"], verdict["partial"]) == (0, "GO", None), said
    assert [record["check"] for record in records if record["findings"]] == []
    assert {record["outcome"] for record in records} == {"passed"}
    assert {record["check"].partition(".")[0] for record in records} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_three_faults(stage: str) -> None:
    assert len([fault for fault in all_faults().values() if fault.name.startswith(f"{stage}.")]) >= 3
