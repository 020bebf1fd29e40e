"""Waivers: reviewed exceptions, applied when an outcome is recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from shipworthy.ledger import Outcome


def apply_waivers(
    outcome: Outcome,
    check: str,
    findings: Sequence[dict[str, Any]],
    waivers: Iterable[dict[str, str]],
    today: dt.date,
) -> tuple[Outcome, list[dict[str, str]], list[str]]:
    """Decide whether a failed check is waived: every finding needs a live waiver for its subject.

    Returns:
        The outcome, the waivers that were used, and remarks on those that have expired.

    """
    ours = [waiver for waiver in waivers if waiver["check"] == check]
    subjects = {finding["subject"] for finding in findings}
    fitting = [waiver for waiver in ours if waiver["subject"] in subjects]
    live = [waiver for waiver in fitting if today <= dt.date.fromisoformat(waiver["expires"])]
    expired = [
        f"the waiver of {w['owner']} for {w['subject']} expired on {w['expires']}"
        for w in fitting
        if w not in live
    ]
    if outcome is not Outcome.FAILED or not subjects:
        return outcome, [], expired
    covered = subjects <= {waiver["subject"] for waiver in live}
    return (Outcome.WAIVED if covered else outcome), live, expired


def waiver_stanza(check: str, subject: str) -> str:
    """Give the TOML that would waive one finding, for a person to fill in and have reviewed."""
    expires = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=30)
    return (
        f'[[waivers]]\ncheck = "{check}"\nsubject = "{subject}"\n'
        f'owner = "…"\nreason = "…"\nexpires = {expires.isoformat()}\n'
    )
