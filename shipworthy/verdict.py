"""The verdict: GO or NO-GO, derived from plan and ledger and nothing else."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from shipworthy.ledger import Outcome
from shipworthy.plan import Plan, PlannedCheck

WORST_FIRST = (
    Outcome.FAILED,
    Outcome.ERROR,
    Outcome.UNVERIFIED,
    Outcome.WITHHELD,
    Outcome.WAIVED,
    Outcome.PASSED,
)

NOT_RUN = "it did not run"


def derive_verdict(
    plan: Plan, entries: Sequence[dict[str, Any]], *, ledger_digest: str = ""
) -> dict[str, Any]:
    """Judge a run.

    GO needs an intact plan with at least one check, a record for every check of it (for every
    variant that was collected), none of them blocking, and a run that was not stopped.

    Returns:
        The content of ``verdict.json``.

    """
    records = _last_attempts(entries)
    by_check = {check.id: _settle(check, records.get(check.id, {}), entries) for check in plan.checks}
    reason = _reason(plan, entries, by_check)
    blocking = [record for record in by_check.values() if Outcome(record["outcome"]).blocks]
    started, ended = _span(plan, entries)
    return {
        "verdict": "NO-GO" if reason else "GO",
        "partial": plan.partial,
        "target": plan.target["name"],
        "run": plan.run,
        "revision": plan.revision,
        "started": started,
        "ended": ended,
        "duration_s": _seconds_between(started, ended),
        "exit_code": 1 if reason else 0,
        "reason": reason
        or (f"all {len(by_check)} checks hold" if len(by_check) > 1 else "its one check holds"),
        "counts": dict(Counter(str(record["outcome"]) for record in by_check.values())),
        "stages": [_stage(stage, plan, by_check, records) for stage in plan.stages],
        "blocking": blocking,
        "flaky": _flaky(entries),
        "plan_digest": plan.digest,
        "ledger_digest": ledger_digest,
    }


def headline(verdict: dict[str, Any]) -> str:
    """Say the verdict in a few words, ``GO, partial: access``."""
    partial = f", partial: {verdict['partial']}" if verdict["partial"] else ""
    return f"{verdict['verdict']}{partial}"


def _last_attempts(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    records: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in entries:
        if entry["event"] == "check":
            records.setdefault(entry["check"], {})[entry["variant"]] = entry
    return records


def _settle(
    check: PlannedCheck, variants: dict[str, dict[str, Any]], entries: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    collected: dict[str, list[str]] = next(
        (entry["checks"] for entry in entries if entry["event"] == "collected"), {}
    )
    missing = [variant for variant in collected.get(check.id, [""]) if variant not in variants]
    if missing:
        return {
            "check": check.id,
            "outcome": str(Outcome.ERROR),
            "message": _why_missing(check, entries),
            "findings": [],
        }
    worst = min(variants.values(), key=lambda entry: WORST_FIRST.index(Outcome(entry["outcome"])))
    return {
        "check": check.id,
        "outcome": worst["outcome"],
        "message": worst["message"],
        "findings": [finding for entry in variants.values() for finding in entry["findings"]],
    }


def _why_missing(check: PlannedCheck, entries: Sequence[dict[str, Any]]) -> str:
    stopped = next((entry for entry in entries if entry["event"] == "stopped"), None)
    started = any(entry["event"] == "started" and entry["check"] == check.id for entry in entries)
    cause = stopped["reason"] if stopped else "the run ended before it was recorded"
    if started:
        return f"it began and left no result: {cause}"
    return f"{NOT_RUN}: {cause}"


def _reason(plan: Plan, entries: Sequence[dict[str, Any]], by_check: dict[str, dict[str, Any]]) -> str | None:
    if not plan.intact():
        return "the plan was changed after it was sealed"
    if not plan.checks:
        return "the plan has no checks: nothing was shown"
    stopped = next((entry["reason"] for entry in entries if entry["event"] == "stopped"), None)
    if stopped:
        return str(stopped)
    if not any(entry["event"] == "end" for entry in entries):
        return "the run did not end by itself"
    counts = Counter(r["outcome"] for r in by_check.values() if Outcome(r["outcome"]).blocks)
    if counts:
        return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    return None


def _stage(
    stage: dict[str, Any],
    plan: Plan,
    by_check: dict[str, dict[str, Any]],
    records: dict[str, dict[str, dict[str, Any]]],
) -> dict[str, Any]:
    ids = [check.id for check in plan.checks if check.stage == stage["name"]]
    outcomes = [Outcome(by_check[identity]["outcome"]) for identity in ids]
    spans = [e for identity in ids for e in records.get(identity, {}).values() if e["outcome"] != "withheld"]
    begun = min((entry["started"] for entry in spans), default=None)
    ended = max((entry["time"] for entry in spans), default=None)
    return {
        "name": stage["name"],
        "outcome": str(min(outcomes, key=WORST_FIRST.index)),
        "duration_s": _seconds_between(begun, ended) if begun and ended else 0.0,
        "counts": dict(Counter(str(outcome) for outcome in outcomes)),
    }


def _flaky(entries: Sequence[dict[str, Any]]) -> list[str]:
    attempts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in entries:
        if entry["event"] == "check":
            attempts.setdefault((entry["check"], entry["variant"]), []).append(entry)
    return sorted(
        {key[0] for key, tries in attempts.items() if len(tries) > 1 and tries[-1]["outcome"] == "passed"}
    )


def _span(plan: Plan, entries: Sequence[dict[str, Any]]) -> tuple[str, str]:
    return (plan.created, entries[-1]["time"] if entries else plan.created)


def _seconds_between(begun: str, ended: str) -> float:
    return round((dt.datetime.fromisoformat(ended) - dt.datetime.fromisoformat(begun)).total_seconds(), 3)
