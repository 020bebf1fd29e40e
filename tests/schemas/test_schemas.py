"""Whole projects, judged by their folder alone: healthy ones are GO, a hostile one ends in a verdict."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.judging import Judgement, judge

HERE = Path(__file__).parent
CLEAN = ("single_user", "organizations", "public_catalogue")


def judge_schema(name: str, folder: Path) -> Judgement:
    """Judge one of the projects here as a user would who has no target file."""
    shutil.copytree(HERE / name / "supabase", folder / "supabase")
    stages = ("--stage", "migrations", "--stage", "access")
    return judge(folder, "--project", "supabase", "--scratch", "embedded", *stages)


@pytest.mark.parametrize("name", CLEAN)
def test_a_healthy_schema_of_any_style_gives_no_finding(name: str, tmp_path: Path) -> None:
    judgement = judge_schema(name, tmp_path)
    assert judgement.verdict["verdict"] == "GO", judgement.said
    assert [record["check"] for record in judgement.records if record["findings"]] == []


def test_a_hostile_schema_ends_in_findings_and_reasons(tmp_path: Path) -> None:
    judgement = judge_schema("hostile", tmp_path)
    outcomes = {record["check"]: record["outcome"] for record in judgement.records}
    assert judgement.verdict["verdict"] == "NO-GO"
    assert set(outcomes.values()) <= {"passed", "failed", "unverified"}, judgement.said
    assert outcomes["migrations.from_zero.migrations_apply_from_zero"] == "passed", judgement.said
    assert {"failed", "passed"} <= {o for check, o in outcomes.items() if check.startswith("access.")}, (
        outcomes
    )
