"""Every legal form of a stream is GO without a finding: a false alarm is as bad as a miss.

Two forms share a run, one for each endpoint. With SHIPWORTHY_FAULTS=whole they meet the whole stage,
else the checks that read answers, the clock left out.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fixtures.reference.services.inference.forms import FORMS
from tests.faults.endpoints import deployed
from tests.faults.judging import CHECKS, judge

WHOLE = os.environ.get("SHIPWORTHY_FAULTS") == "whole"
READING = tuple(
    f"inference.{module}"
    for module in (
        "chat.",
        "client.",
        "completions.",
        "json.",
        "logprobs.",
        "meaning.",
        "stream",
        "tools.",
        "usage.",
    )
)
NAMES = sorted(FORMS)
PAIRS = [dict(zip(("instant", "thinking"), NAMES[i : i + 2], strict=False)) for i in range(0, len(NAMES), 2)]


def part_that_matters() -> list[str]:
    """Give the arguments that limit a run to the checks that a form could mislead."""
    if WHOLE:
        return ["--stage", "inference"]
    return [word for check in CHECKS if check.startswith(READING) for word in ("--check", check)]


@pytest.mark.parametrize("forms", PAIRS, ids=lambda forms: "+".join(forms.values()))
def test_a_legal_form_gives_no_finding(forms: dict[str, str], tmp_path: Path) -> None:
    with deployed(tmp_path, None, forms) as target:
        judgement = judge(tmp_path, target, "-n", "0", *part_that_matters())
    assert judgement.verdict["verdict"] == "GO", judgement.said
    assert [record["check"] for record in judgement.records if record["findings"]] == []
    assert {record["outcome"] for record in judgement.records} == {"passed"}
