"""What a phase of a pytest item means for its check."""

from __future__ import annotations

import traceback
from dataclasses import asdict
from typing import Any

import pytest

from shipworthy.errors import ProbeError
from shipworthy.findings import Finding, Findings, FindingsError, VacuousCheckError
from shipworthy.ledger import Outcome
from shipworthy.plan import PlannedCheck

SEVERITY = (Outcome.FAILED, Outcome.ERROR, Outcome.UNVERIFIED, Outcome.WITHHELD, Outcome.PASSED)


class WithheldError(pytest.skip.Exception):  # type: ignore[name-defined, misc]  # a dynamic name
    """An earlier stage blocks; the check does not start.

    To pytest it is a skip, because the report of one needs no traceback: a blocked run withholds
    hundreds of checks at once. The ledger says withheld, which blocks.
    """


def classify(  # noqa: PLR0911  one return for each kind of trouble
    check: PlannedCheck, when: str, error: BaseException | None, reported: Findings | None
) -> dict[str, Any]:
    """Judge one phase (setup, call, teardown).

    A claim can only be disproved in the call phase; what fails before or after is the check's own
    trouble, unless a probe said that it could not look.

    Returns:
        ``outcome``, ``message`` and ``findings``, as the ledger keeps them.

    """
    findings: list[Finding] = list(reported.reported) if reported and when == "call" else []
    if error is None:
        return _phase(Outcome.PASSED, "", [])
    if isinstance(error, WithheldError):
        return _phase(Outcome.WITHHELD, str(error.msg), [])
    if isinstance(error, FindingsError):
        return _phase(Outcome.FAILED, "", error.findings)
    if when == "call" and isinstance(error, AssertionError):
        return _phase(Outcome.FAILED, "", [*findings, _finding_of(check, error)])
    if when == "call" and isinstance(error, pytest.fail.Exception) and not _is_timeout(error):
        return _phase(Outcome.FAILED, "", [*findings, _finding_of(check, error)])
    if isinstance(error, ProbeError):
        outcome = Outcome.FAILED if findings else Outcome.UNVERIFIED
        return _phase(outcome, str(error), findings)
    if isinstance(error, pytest.skip.Exception):
        message = "it skipped itself: a check that cannot look raises ProbeError"
        return _phase(Outcome.ERROR, message, findings)
    return _phase(Outcome.FAILED if findings else Outcome.ERROR, _describe(when, error), findings)


def worst(phases: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the phases of an item together: the worst outcome, every message, every finding."""
    phase = min(phases, key=lambda p: SEVERITY.index(Outcome(p["outcome"])))
    messages = [p["message"] for p in phases if p["message"]]
    return {
        "outcome": phase["outcome"],
        "message": "; ".join(dict.fromkeys(messages)),
        "findings": [finding for p in phases for finding in p["findings"]],
    }


def _phase(outcome: Outcome, message: str, findings: Any) -> dict[str, Any]:
    return {"outcome": str(outcome), "message": message, "findings": [asdict(f) for f in findings]}


def _finding_of(check: PlannedCheck, error: BaseException) -> Finding:
    said = str(error).strip()
    saw = said.splitlines()[0] if said else f"line {_line_of(error)} does not hold"
    subject = check.id if isinstance(error, VacuousCheckError) else check.id.rpartition(".")[2]
    return Finding(subject, saw, check.claim, check.fix or f"see `shipworthy explain {check.id}`")


def _describe(when: str, error: BaseException) -> str:
    if isinstance(error, pytest.FixtureLookupError):
        return f"there is no fixture {error.argname!r}; the fixture plugins are named in conftest.py"
    kind = type(error).__name__
    said = " ".join(str(error).split())
    place = {"setup": " while it was set up", "teardown": " while it was cleaned up"}.get(when, "")
    if _is_timeout(error):
        return f"it hung{place}: {said}, in {_place_of(error)}"
    return f"{kind}{place}: {said} ({_place_of(error)})"


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, pytest.fail.Exception) and str(error).startswith("Timeout")


def _place_of(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
    return (
        f"{'/'.join(frames[-1].filename.split('/')[-2:])}:{frames[-1].lineno}" if frames else "unknown place"
    )


def _line_of(error: BaseException) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1].lineno if frames else None
