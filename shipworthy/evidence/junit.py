"""junit.xml: the run for CI systems, arranged so that every one of them shows a NO-GO as red."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from shipworthy.evidence.record import CheckRecord, RunRecord, StageRecord
from shipworthy.evidence.wording import account
from shipworthy.ledger import Outcome

ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.ERROR: "error",
    Outcome.UNVERIFIED: "error",
    Outcome.WITHHELD: "skipped",
}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(record: RunRecord) -> str:
    """Give the document: one suite for each stage, and one that holds the verdict itself.

    A withheld check is skipped, which alone would be green; the case ``verdict`` fails
    with every NO-GO, whatever it came from.
    """
    root = Element(
        "testsuites", name=f"shipworthy {_clean(record.target['name'])}", time=_time(record.duration_s)
    )
    for stage in record.stages:
        _suite(root, record, stage)
    suite = SubElement(root, "testsuite", name="verdict", tests="1", errors="0", skipped="0", time="0.000")
    suite.set("failures", str(int(not record.go)))
    case = SubElement(
        suite, "testcase", classname="verdict", name=f"{record.target['name']} may ship", time="0.000"
    )
    if not record.go:
        failure = SubElement(case, "failure", type="NO-GO", message=_clean(record.reason))
        failure.text = _clean("\n".join([record.reason, *record.problems]))
    for total in ("tests", "failures", "errors", "skipped"):
        root.set(total, str(sum(int(suite.get(total, 0)) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, record: RunRecord, stage: StageRecord) -> None:
    elements = [ELEMENTS.get(check.outcome) for check in stage.checks]
    suite = SubElement(root, "testsuite", name=_clean(stage.name), time=_time(stage.duration_s))
    suite.set("tests", str(len(stage.checks)))
    for total, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(total, str(elements.count(element)))
    if record.started:
        suite.set("timestamp", record.started.strftime("%Y-%m-%dT%H:%M:%S"))
    for check in stage.checks:
        _case(suite, check)


def _case(suite: Element, check: CheckRecord) -> None:
    classname, _, name = check.id.rpartition(".")
    case = SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name))
    case.set("time", _time(check.last.get("duration_s")))
    if check.planned.get("file"):
        case.set("file", _clean(check.planned["file"]))
        case.set("line", str(check.planned.get("line", 1)))
    properties = {"outcome": str(check.outcome), "claim": check.claim}
    if check.flaky:
        properties["flaky"] = f"{len(check.attempts)} attempts"
    for waiver in check.last.get("waivers") or []:
        properties["waived"] = (
            f"{waiver.get('subject')} until {waiver.get('expires')} by {waiver.get('owner')}"
        )
    listed = SubElement(case, "properties")
    for key, value in properties.items():
        SubElement(listed, "property", name=key, value=_clean(value))
    if element := ELEMENTS.get(check.outcome):
        told = SubElement(
            case, element, message=_clean(check.message or check.claim), type=str(check.outcome)
        )
        told.text = _clean(account(check))


def _time(duration: float | None) -> str:
    return f"{duration or 0:.3f}"


def _clean(text: object) -> str:
    """Leave out what no XML document may hold."""
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(text))
