"""Every report tells what plan, ledger and verdict say, whatever state they were left in."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import jsonschema

from shipworthy.evidence.html import FRAGMENT
from shipworthy.evidence.record import read_run
from shipworthy.evidence.redaction import Redactor
from shipworthy.evidence.render import render
from tests.evidence.reading import page_of, png, red

SECRET = "s3cr3t/with+odd=chars"
REPORTS = ("junit.xml", "ctrf.json", "summary.md", "report.html")
STATUS = {"enum": ["passed", "failed", "skipped", "pending", "other"]}
COUNTS = ("tests", "passed", "failed", "skipped", "pending", "other", "start", "stop")
CTRF = {
    "type": "object",
    "required": ["reportFormat", "specVersion", "results"],
    "properties": {
        "reportFormat": {"const": "CTRF"},
        "specVersion": {"pattern": r"^\d+\.\d+\.\d+$"},
        "results": {
            "required": ["tool", "summary", "tests"],
            "additionalProperties": False,
            "properties": {
                "tool": {"required": ["name"]},
                "environment": {"type": "object"},
                "extra": {"type": "object"},
                "summary": {
                    "required": list(COUNTS),
                    "additionalProperties": False,
                    "properties": {name: {"type": "integer"} for name in (*COUNTS, "flaky", "suites")},
                },
                "tests": {
                    "items": {
                        "required": ["name", "status", "duration"],
                        "additionalProperties": False,
                        "properties": {
                            **{
                                name: {"type": "integer"}
                                for name in ("duration", "start", "stop", "line", "retries")
                            },
                            **{
                                name: {"type": "string"}
                                for name in ("message", "trace", "rawStatus", "filePath")
                            },
                            "name": {"type": "string", "minLength": 1},
                            "status": STATUS,
                            "suite": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                            "flaky": {"type": "boolean"},
                            "attachments": {"items": {"required": ["name", "contentType", "path"]}},
                            "extra": {"type": "object"},
                        },
                    }
                },
            },
        },
    },
}
"""What the format's published schema demands of the parts that we write."""


def test_a_clean_run_reads_go_everywhere(clean_run):
    folder = clean_run.conclude()
    record = render(folder, clean_run.redactor)

    assert record.go
    assert red(folder) == []
    assert "This version may go from local to staging." in page_of(folder).text
    assert (folder / "summary.md").read_text().startswith("# ✅ GO · local")
    assert json.loads((folder / "ctrf.json").read_text())["results"]["extra"]["verdict"] == "GO"


def test_a_blocked_run_is_red_in_junit_for_every_check_that_blocks(blocked_run):
    folder = blocked_run.conclude()
    render(folder, blocked_run.redactor)

    assert red(folder) == ["tables_enforce_rls", "execution_restricted", "buckets_private", "local may ship"]
    root = ET.fromstring((folder / "junit.xml").read_text())
    assert [suite.get("name") for suite in root] == ["preflight", "access", "ui", "verdict"]
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == (
        "7",
        "2",
        "2",
        "1",
    )
    failure = root.find(".//failure")
    assert "alter table public.documents enable row level security;" in failure.text
    assert "again: shipworthy run local --check access.rls.tables_enforce_rls" in failure.text


def test_ctrf_is_what_the_format_demands(blocked_run):
    blocked_run.record("preflight.variables.present", attempt=2, evidence=["stages/preflight/x/seen.json"])
    folder = blocked_run.conclude()
    render(folder, blocked_run.redactor)
    report = json.loads((folder / "ctrf.json").read_text())

    jsonschema.validate(report, CTRF)
    tests = {test["name"]: test for test in report["results"]["tests"]}
    assert tests["access.storage.buckets_private"]["rawStatus"] == "unverified"
    assert tests["preflight.variables.present"]["flaky"] is True
    summary = report["results"]["summary"]
    assert summary["tests"] == len(tests) == sum(summary[name] for name in COUNTS[1:6])


def test_every_finding_its_fix_and_the_way_back_stand_in_page_and_summary(blocked_run):
    folder = blocked_run.conclude()
    render(folder, blocked_run.redactor)
    summary = re.sub(r"\\(.)", r"\1", (folder / "summary.md").read_text())

    for text in (page_of(folder).text, summary):
        for said in (
            "public.documents",
            "row level security is off",
            "on for every exposed table",
            "alter table public.documents enable row level security;",
            "KeyError: 'role' (access/test_rpc.py:12)",
            "storage did not answer within 5 s",
            "shipworthy run local --check access.rls.tables_enforce_rls",
            "2027-01-31",
            "data-team",
        ):
            assert said in text


def test_the_page_is_one_file_that_asks_for_nothing(blocked_run):
    picture = blocked_run.evidence("ui.journey.sign_in").path("sign in.png")
    picture.write_bytes(png())
    blocked_run.record("ui.journey.sign_in", evidence=blocked_run.evidence("ui.journey.sign_in").files)
    folder = blocked_run.conclude()
    render(folder, blocked_run.redactor)
    page, html = page_of(folder), (folder / "report.html").read_text()

    inside = {
        reference
        for reference in page.references
        if not reference.startswith(("#", "data:image/png;base64,"))
    }
    assert not [reference for reference in inside if ":" in reference or reference.startswith("/")]
    assert picture.relative_to(folder).as_posix() in inside
    assert not re.search(r"@import|url\(|https?://(?!127\.0\.0\.1)", html)
    assert "default-src 'none'" in html


def test_what_a_finding_says_is_text_and_never_markup(blocked_run):
    folder = blocked_run.conclude()
    render(folder, blocked_run.redactor)
    page = page_of(folder)

    assert len(page.scripts) == 1
    assert "<script>alert('hostile')</script>" in page.text
    assert "<script>" not in re.sub(r"\\.", "", (folder / "summary.md").read_text())


def test_the_page_can_be_read_by_a_screen_reader(blocked_run):
    folder = blocked_run.conclude()
    render(folder, blocked_run.redactor)
    html = (folder / "report.html").read_text()

    assert '<html lang="en">' in html
    assert "width=device-width" in html
    assert page_of(folder).headings[0] == "h1"
    assert all('alt="' in tag for tag in re.findall("<img[^>]*>", html))
    assert 'role="img" aria-label="failed"' in html


def test_no_report_holds_a_secret_that_reached_the_ledger(told):
    run = told("preflight.variables.present")
    leak = {"subject": "CRON_SECRET", "saw": f"it is {SECRET}", "want": "another", "fix": "rotate it"}
    run.redactor, redactor = Redactor([]), run.redactor
    run.record("preflight.variables.present", "failed", findings=[leak], message=f"saw {SECRET}")
    folder = run.conclude()
    render(folder, redactor)

    for name in REPORTS:
        text = (folder / name).read_text()
        assert SECRET not in text
        assert "CRON" in text


def test_a_large_picture_is_linked_instead_of_carried(clean_run):
    evidence = clean_run.evidence("ui.journey.sign_in")
    evidence.path("large.png").write_bytes(png(padding=400_000))
    evidence.path("no-picture.png").write_text("an error page")
    clean_run.record("ui.journey.sign_in", evidence=evidence.files)
    folder = clean_run.conclude()
    render(folder, clean_run.redactor)
    page = page_of(folder)

    assert "data:image" not in (folder / "report.html").read_text()
    assert {"large.png", "no-picture.png"} <= {
        str(reference).rpartition("/")[2] for reference in page.references
    }


def test_what_the_gate_drew_is_part_of_the_report_and_what_others_wrote_is_only_linked(clean_run):
    evidence = clean_run.evidence("ui.journey.sign_in")
    evidence.text("matrix.html", f"{FRAGMENT}<table><td>who reaches what</td></table>")
    evidence.text("stranger.html", "<p>a page of somebody else's</p>")
    evidence.text("locks.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>')
    clean_run.record("ui.journey.sign_in", evidence=evidence.files)
    folder = clean_run.conclude()
    render(folder, clean_run.redactor)
    page = page_of(folder)

    assert "who reaches what" in page.text
    assert "somebody else" not in page.text
    assert "stranger.html" in page.text
    assert "data:image/svg+xml" in (folder / "report.html").read_text()


def test_a_partial_run_says_that_it_promotes_nothing(told):
    run = told("access.rls.tables_enforce_rls", partial="access")
    run.record("access.rls.tables_enforce_rls")
    folder = run.conclude()
    render(folder, run.redactor)

    for text in (page_of(folder).text, (folder / "summary.md").read_text()):
        assert "Only access ran, so this run promotes nothing." in text
        assert "may go from" not in text


def test_a_run_of_uncommitted_changes_says_that_it_promotes_nothing(told):
    run = told("access.rls.tables_enforce_rls", dirty=True)
    run.record("access.rls.tables_enforce_rls")
    folder = run.conclude()
    render(folder, run.redactor)

    for text in (page_of(folder).text, (folder / "summary.md").read_text()):
        assert "It held changes that are in no revision, so this run promotes nothing." in text
        assert "may go from" not in text


def test_the_same_picture_under_two_names_is_carried_once(clean_run):
    evidence = clean_run.evidence("ui.journey.sign_in")
    for name in ("answer.png", "at-the-end.png"):
        evidence.path(name).write_bytes(png())
    clean_run.record("ui.journey.sign_in", evidence=evidence.files)
    folder = clean_run.conclude()
    render(folder, clean_run.redactor)

    assert (folder / "report.html").read_text().count("data:image/png") == 1
    assert "at-the-end.png" in page_of(folder).text


def test_a_measure_is_shown_with_its_limit_and_its_samples(told):
    run = told("inference.latency.first_token", "inference.latency.token_rate")
    evidence = run.evidence("inference.latency.first_token")
    evidence.measure("TTFT p95", 61.4, "ms", samples=60, limit=400)
    evidence.measure("token rate p50", 12.0, "tokens/s", samples=60, limit=40)
    run.record("inference.latency.first_token", measures=evidence.record()["measures"])
    run.record("inference.latency.token_rate")
    folder = run.conclude()
    render(folder, run.redactor)
    text, summary = page_of(folder).text, (folder / "summary.md").read_text()

    assert "at most 400 ms · 60 samples" in text
    assert "at least 40 tokens/s, not held · 60 samples" in text
    assert "| TTFT p95 | 61.4 ms | at most 400 ms ✓ | 60 |" in summary
    assert "| token rate p50 | 12 tokens/s | at least 40 tokens/s ✗ | 60 |" in summary


def test_what_does_not_apply_is_listed_with_its_reason(told):
    run = told(
        "preflight.variables.present", unmet={"platform.prefect.flows": "the target does not declare prefect"}
    )
    run.record("preflight.variables.present")
    folder = run.conclude()
    render(folder, run.redactor)

    assert "platform.prefect.flows: the target does not declare prefect" in page_of(folder).text


def test_the_summary_fits_a_step_summary_however_much_was_found(told):
    checks = [f"access.rls.check_{number}" for number in range(50)]
    run = told(*checks)
    finding = dict.fromkeys(("subject", "saw", "want", "fix"), "| a long `tale` " * 50)
    for check in checks:
        run.record(check, "failed", findings=[finding] * 8)
    folder = run.conclude()
    render(folder, run.redactor)

    assert len((folder / "summary.md").read_bytes()) < 100_000
    assert "42 more, in report.html" in (folder / "summary.md").read_text()


def test_control_characters_in_a_finding_leave_the_reports_well_formed(told):
    run = told("access.rls.tables_enforce_rls")
    odd = dict.fromkeys(("subject", "saw", "want", "fix"), "nul \x00, bell \x07, \u2028, \ufffe and ]]>")
    run.record("access.rls.tables_enforce_rls", "failed", findings=[odd])
    folder = run.conclude()
    render(folder, run.redactor)

    assert red(folder) == ["tables_enforce_rls", "local may ship"]
    assert not read_run(folder, run.redactor).problems


def test_many_findings_of_one_check_are_folded_after_the_fifth(told):
    run = told("access.rls.tables_enforce_rls")
    findings = [
        {"subject": f"table {n}", "saw": "open", "want": "closed", "fix": "close it"} for n in range(9)
    ]
    run.record("access.rls.tables_enforce_rls", "failed", findings=findings)
    folder = run.conclude()
    render(folder, run.redactor)
    shown, _, folded = (
        (folder / "report.html").read_text(encoding="utf-8").partition("4 more findings of this")
    )

    assert "table 4" in shown
    assert "table 5" not in shown
    assert "table 8" in folded
