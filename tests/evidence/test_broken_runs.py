"""A run that was killed, cut off or tampered with gets a report, and never reads GO."""

from __future__ import annotations

import json

import pytest

from shipworthy.evidence.record import read_run
from shipworthy.evidence.render import render
from tests.evidence.reading import page_of, red


def test_a_killed_run_still_gets_a_report_that_names_the_cause(told):
    run = told(*(f"access.rls.check_{number}" for number in range(30)))
    run.record("access.rls.check_0")
    run.ledger.append("stopped", reason="the process that runs the checks was killed (SIGKILL)")
    folder = run.conclude(ended=False)
    record = render(folder, run.redactor)

    assert not record.go
    text = page_of(folder).text
    assert "29 checks left no record" in text
    assert "the process that runs the checks was killed (SIGKILL)" in text
    assert len(red(folder)) == 30


@pytest.mark.parametrize("lost", ["plan.json", "ledger.jsonl", "verdict.json"])
@pytest.mark.parametrize("content", [None, "", '{"event":"che', "[1, 2]", "\x00\xff"])
def test_a_damaged_folder_never_reads_go_and_says_what_is_damaged(clean_run, lost, content):
    folder = clean_run.conclude()
    (folder / lost).unlink()
    if content is not None:
        (folder / lost).write_text(content, encoding="latin-1")
    record = render(folder, clean_run.redactor)

    assert not record.go
    assert "local may ship" in red(folder) or "unknown target may ship" in red(folder)
    for text in (page_of(folder).text, (folder / "summary.md").read_text().replace("\\", "")):
        assert "NO-GO" in text
        assert lost in text


def test_a_ledger_cut_in_the_middle_of_a_line_keeps_what_came_before(blocked_run):
    folder = blocked_run.conclude(ended=False)
    ledger = folder / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-40])
    record = render(folder, blocked_run.redactor)

    assert "the run was killed while writing it" in record.problems[0]
    assert "alter table public.documents" in page_of(folder).text


def test_a_folder_with_nothing_in_it_gets_a_report(tmp_path, clean_run):
    (tmp_path / "empty").mkdir()
    record = render(tmp_path / "empty", clean_run.redactor)

    assert not record.go
    assert red(tmp_path / "empty")
    assert "This run is not whole" in page_of(tmp_path / "empty").text


def test_a_verdict_that_the_ledger_contradicts_is_not_believed(blocked_run):
    folder = blocked_run.conclude()
    verdict = json.loads((folder / "verdict.json").read_text())
    (folder / "verdict.json").write_text(json.dumps(verdict | {"verdict": "GO", "reason": "all is well"}))
    record = read_run(folder, blocked_run.redactor)

    assert not record.go
    assert record.reason == "the folder contradicts its own verdict: access.rls.tables_enforce_rls is failed"


def test_a_plan_without_checks_is_red_in_junit(told):
    run = told()
    folder = run.conclude()
    render(folder, run.redactor)

    assert red(folder) == ["local may ship"]
