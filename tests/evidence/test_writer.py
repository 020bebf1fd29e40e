"""What a check leaves stands in its own folder, redacted, under safe names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.evidence.redaction import Redactor
from shipworthy.evidence.writer import Evidence, safe_name


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path, "access", "access.rls.tables_enforce_rls", Redactor(["swordfish"]))


@given(st.text())
def test_no_name_leads_out_of_the_folder(name):
    safe = safe_name(name)

    assert safe == Path(safe).name
    assert not safe.startswith(".")
    assert 0 < len(safe) <= 120


@given(st.text(), st.text())
def test_two_names_never_become_one(one, other):
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_json_and_text_are_redacted_and_named_in_the_record(evidence, tmp_path):
    evidence.json("answer", {"token": "swordfish"})
    evidence.text("log", "pass=swordfish")

    assert json.loads((evidence.folder / "answer.json").read_text()) == {"token": "[redacted:secret]"}
    assert (evidence.folder / "log.txt").read_text() == "pass=[redacted:secret]"
    assert evidence.record()["evidence"] == [
        "stages/access/rls.tables_enforce_rls/answer.json",
        "stages/access/rls.tables_enforce_rls/log.txt",
    ]


def test_the_same_name_twice_makes_two_files(evidence):
    first, second = evidence.json("answer", 1), evidence.json("answer", 2)

    assert (first.read_text(), second.read_text()) == ("1\n", "2\n")


def test_files_that_tools_write_beside_a_given_place_are_named_too(evidence):
    prefix = evidence.path("locust")
    Path(f"{prefix}_stats.csv").write_text("Name\n")

    assert evidence.files == ["stages/access/rls.tables_enforce_rls/locust_stats.csv"]


def test_a_check_that_keeps_nothing_leaves_no_folder(evidence):
    evidence.note("nothing to keep")

    assert not evidence.folder.exists()
    assert evidence.record()["evidence"] == []


def test_a_second_attempt_does_not_overwrite_the_first(evidence, tmp_path):
    again = Evidence(tmp_path, "access", "access.rls.tables_enforce_rls", evidence.redactor, attempt=2)

    assert evidence.text("log", "first") != again.text("log", "second")


def test_a_measure_says_its_samples_and_which_way_its_limit_goes(evidence):
    evidence.measure("TTFT p95", 61, "ms", samples=60, limit=400)
    evidence.measure("token rate p50", 78.4, "tokens/s", samples=60, limit=40)

    ceiling, floor = evidence.record()["measures"]
    assert ceiling == {
        "name": "TTFT p95",
        "value": 61.0,
        "unit": "ms",
        "samples": 60,
        "limit": 400,
        "at_least": False,
    }
    assert floor["at_least"] is True


@pytest.mark.parametrize(("value", "samples"), [(1.0, 0), (float("nan"), 3), (float("inf"), 3)])
def test_no_data_is_no_figure(evidence, value, samples):
    with pytest.raises(ValueError, match="no figure"):
        evidence.measure("TTFT p95", value, "ms", samples=samples)


def test_notes_are_redacted(evidence):
    evidence.note("key swordfish was used")

    assert evidence.notes == ["key [redacted:secret] was used"]
