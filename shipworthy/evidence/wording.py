"""How figures, times and outcomes are written in every report."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from shipworthy.evidence.record import CheckRecord, RunRecord
from shipworthy.ledger import Outcome

MARKS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.ERROR: "!",
    Outcome.UNVERIFIED: "?",
    Outcome.WAIVED: "~",
    Outcome.WITHHELD: "·",
}


def headline(record: RunRecord) -> str:
    """Say what the verdict means for this version."""
    name, to = record.target["name"], record.target.get("promotes_to")
    if not record.go:
        return "This version may not ship."
    if record.partial:
        return f"What ran is clean. Only {record.partial} ran, so this run promotes nothing."
    if record.dirty:
        return "What ran is clean. It held changes that are in no revision, so this run promotes nothing."
    return f"This version may go from {name} to {to}." if to else f"This version is fit to run on {name}."


def blocked(record: RunRecord) -> list[list[CheckRecord]]:
    """Give the checks that blocked; those that left no record for one and the same reason together."""
    groups: dict[str, list[CheckRecord]] = {}
    for check in record.with_outcome(Outcome.FAILED, Outcome.ERROR, Outcome.UNVERIFIED):
        groups.setdefault(check.id if check.attempts else check.message, []).append(check)
    return list(groups.values())


def tally(counts: Mapping[Outcome, int]) -> str:
    """Write counts as ``2 failed, 3 errors, 34 withheld, 18 passed``."""
    parts = [f"{count} {outcome}" for outcome, count in counts.items()]
    return ", ".join(re.sub(r"(?<!^1) error$", " errors", part) for part in parts) or "no checks"


def seconds(duration: Any) -> str:
    """Write a duration: ``0.12 s``, ``42 s``, ``3 min 05 s``; a dash where it is not known."""
    if not isinstance(duration, (int, float)):
        return "\N{EN DASH}"
    if 0 < duration < 0.005:
        return "<0.01 s"
    if duration < 9.95:
        return f"{duration:.2f} s" if duration < 0.995 else f"{duration:.1f} s"
    if duration < 99.5:
        return f"{duration:.0f} s"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if rest else f"{minutes} min"


def figure(value: Any) -> str:
    """Write a number with three digits that count, and groups of thousands."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if value == 0 or abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.2e}"


def clock(moment: dt.datetime | None) -> str:
    """Write a time for people: ``20 November 2026, 08:41:07 UTC``."""
    return f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC" if moment else "not known"


def held(measure: Mapping[str, Any]) -> bool | None:
    """Tell whether a measure is within its limit; None without one."""
    value, limit = measure.get("value"), measure.get("limit")
    if not isinstance(value, (int, float)) or not isinstance(limit, (int, float)):
        return None
    return value >= limit if measure.get("at_least") else value <= limit


def limit(measure: Mapping[str, Any]) -> str:
    """Write the limit of a measure: ``at most 400 ms``; empty without one."""
    if not isinstance(measure.get("limit"), (int, float)):
        return ""
    bound = "at least" if measure.get("at_least") else "at most"
    return f"{bound} {figure(measure['limit'])} {measure.get('unit', '')}".rstrip()


def account(check: CheckRecord) -> str:
    """Write everything that a check says as plain text: message, findings, the way back."""
    findings = [
        "\n".join(f"{name:>7}: {finding.get(name, '')}" for name in ("subject", "saw", "want", "fix"))
        for finding in check.last.get("findings") or []
    ]
    return "\n\n".join([*(findings or [check.message]), f"again: {check.again}"])
