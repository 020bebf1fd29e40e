"""ctrf.json: the run in the Common Test Report Format (https://ctrf.io), for tools that read it."""

from __future__ import annotations

import datetime as dt
import json
import mimetypes
from pathlib import PurePosixPath
from typing import Any

import shipworthy
from shipworthy.evidence.record import CheckRecord, Json, RunRecord, moment
from shipworthy.evidence.wording import account
from shipworthy.ledger import Outcome

SPEC_VERSION = "0.0.0"
STATUSES = {
    Outcome.PASSED: "passed",
    Outcome.WAIVED: "passed",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "failed",
    Outcome.UNVERIFIED: "failed",
    Outcome.WITHHELD: "skipped",
}


def ctrf(record: RunRecord) -> str:
    """Give the document; our own outcome stands in each test's ``rawStatus``."""
    report = {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "generatedBy": f"shipworthy {shipworthy.__version__}",
        "results": {
            "tool": {
                "name": "shipworthy",
                "version": str(record.plan.get("shipworthy") or shipworthy.__version__),
            },
            "summary": _summary(record),
            "tests": [_test(check) for check in record.checks],
            "environment": {"testEnvironment": str(record.target["name"])},
            "extra": {
                "verdict": record.title,
                "reason": record.reason,
                "run": record.run,
                "revision": record.revision,
                "problems": list(record.problems),
            },
        },
    }
    return json.dumps(report, indent=1, ensure_ascii=False) + "\n"


def _summary(record: RunRecord) -> Json:
    statuses = [STATUSES[check.outcome] for check in record.checks]
    counts = {name: statuses.count(name) for name in ("passed", "failed", "skipped", "pending", "other")}
    start = _milliseconds(record.started)
    return {
        "tests": len(statuses),
        **counts,
        "flaky": sum(check.flaky for check in record.checks),
        "suites": len(record.stages),
        "start": start,
        "stop": _milliseconds(record.ended) or start,
    }


def _test(check: CheckRecord) -> Json:
    last = check.last
    test: Json = {
        "name": check.id,
        "status": STATUSES[check.outcome],
        "rawStatus": str(check.outcome),
        "duration": _thousandths(last.get("duration_s")),
        "suite": [check.stage],
        "retries": max(len(check.attempts) - 1, 0),
        "flaky": check.flaky,
        "attachments": [_attachment(path) for path in last.get("evidence") or []],
        "extra": {
            "claim": check.claim,
            "measures": last.get("measures") or [],
            "waivers": last.get("waivers") or [],
        },
    }
    if stop := _milliseconds(moment(last.get("time"))):
        test |= {"start": stop - test["duration"], "stop": stop}
    if check.planned.get("file"):
        test |= {"filePath": check.planned["file"], "line": int(check.planned.get("line") or 1)}
    if check.outcome.blocks:
        test |= {"message": check.message or check.claim, "trace": account(check)}
    return test


def _attachment(path: str) -> Json:
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return {"name": PurePosixPath(path).name, "contentType": kind, "path": path}


def _thousandths(duration: Any) -> int:
    return round(duration * 1000) if isinstance(duration, (int, float)) else 0


def _milliseconds(moment: dt.datetime | None) -> int:
    return round(moment.timestamp() * 1000) if moment else 0
