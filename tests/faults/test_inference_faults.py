"""Faults of the inference endpoints, met by a target that is nothing but these endpoints.

The server with the fault in it runs in a thread, so that a fault costs seconds and there can be many.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.reference.model import Fault
from tests.faults.endpoints import FAULTS, deployed
from tests.faults.judging import assert_caught, judge


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_planted_fault_is_caught_by_its_check(fault: Fault, tmp_path: Path) -> None:
    with deployed(tmp_path, fault) as target:
        judgement = judge(tmp_path, target, "-n", "0", "--check", fault.caught_by)
    assert_caught(fault, judgement, "shipworthy run endpoints")


def test_endpoints_without_faults_give_no_finding(tmp_path: Path) -> None:
    with deployed(tmp_path, None) as target:
        judgement = judge(tmp_path, target, "--stage", "inference")
    assert judgement.verdict["verdict"] == "GO", judgement.said
    assert [record["check"] for record in judgement.records if record["findings"]] == []
