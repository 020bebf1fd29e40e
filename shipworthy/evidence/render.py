"""From what was recorded to what people and CI systems read."""

from __future__ import annotations

from pathlib import Path

from shipworthy.evidence.ctrf import ctrf
from shipworthy.evidence.html import html
from shipworthy.evidence.junit import junit
from shipworthy.evidence.manifest import write_whole
from shipworthy.evidence.record import RunRecord, read_run
from shipworthy.evidence.redaction import Redactor
from shipworthy.evidence.summary import summary

REPORTS = {"junit.xml": junit, "ctrf.json": ctrf, "summary.md": summary, "report.html": html}


def render(run_folder: Path, redactor: Redactor) -> RunRecord:
    """Write every report of a run from its plan, ledger and verdict, in whatever state they are."""
    record = read_run(run_folder, redactor)
    for name, draw in REPORTS.items():
        write_whole(run_folder / name, draw(record))
    return record
