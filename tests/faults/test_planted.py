"""Every planted fault is NO-GO at its stage, by the check that should catch it; the healthy system is GO.

By default each fault meets the check that must catch it and the stage after it, which must be
withheld; faults of the database or of the endpoints alone do so in ``test_database_faults.py`` and
``test_inference_faults.py``, where no other service has to start. With SHIPWORTHY_FAULTS=whole each
one meets the whole gate: nothing before its stage may object, and nothing after it may run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.reference.faults import all_faults
from fixtures.reference.model import Fault
from tests.faults.endpoints import of_inference
from tests.faults.judging import CHECKS, STAGES, assert_caught, judge
from tests.faults.test_database_faults import of_the_database

WHOLE = os.environ.get("SHIPWORTHY_FAULTS") == "whole"
FAULTS = [f for f in all_faults().values() if WHOLE or not (of_the_database(f) or of_inference(f))]


def part_that_matters(fault: Fault) -> list[str]:
    """Give the arguments that limit a run to the check that must catch a fault and the next stage."""
    if WHOLE:
        return []
    later = STAGES[STAGES.index(CHECKS[fault.caught_by].stage) + 1 :][:1]
    return ["-n", "0", "--check", fault.caught_by, *(word for stage in later for word in ("--stage", stage))]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_planted_fault_is_caught_by_its_check(fault: Fault, tmp_path: Path) -> None:
    judgement = judge(tmp_path, "local", "--plant", fault.name, *part_that_matters(fault))
    assert_caught(fault, judgement, f"shipworthy run local --plant {fault.name}")


def test_the_healthy_deployment_gives_no_finding(tmp_path: Path) -> None:
    judgement = judge(tmp_path, "local")
    said, records = judgement.said, judgement.records
    assert (judgement.code, judgement.verdict["verdict"], judgement.verdict["partial"]) == (0, "GO", None), (
        said
    )
    assert [record["check"] for record in records if record["findings"]] == []
    assert {record["outcome"] for record in records} == {"passed"}
    assert {CHECKS[record["check"]].stage for record in records} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_three_faults(stage: str) -> None:
    assert len([fault for fault in all_faults().values() if fault.name.startswith(f"{stage}.")]) >= 3
