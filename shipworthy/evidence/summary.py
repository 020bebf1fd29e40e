"""summary.md: the run on one page, for a CI step summary, a pull request, a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from shipworthy.evidence.record import CheckRecord, RunRecord
from shipworthy.evidence.wording import MARKS, blocked, clock, figure, headline, held, limit, seconds, tally
from shipworthy.ledger import Outcome

MOST_CHECKS = 8
MOST_FINDINGS = 5
MOST_MEASURES = 40
LONGEST_TEXT = 400


def summary(record: RunRecord) -> str:
    """Give the page; what does not fit is counted, and is in report.html."""
    parts = [
        f"# {'✅' if record.go else '⛔'} {escape(record.title)} · {escape(record.target['name'])}",
        f"**{escape(headline(record))}** {escape(record.reason)}".rstrip(),
        *(f"> ⚠️ {escape(problem)}" for problem in record.problems),
        "\n".join(_facts(record)),
        *_blocked(record),
        "\n".join(_stages(record)),
        "\n".join(_waived(record)),
        "\n".join(_measures(record)),
        "\n".join(_flaky(record)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: object) -> str:
    """Give text that Markdown shows as it is, on one line, within reason."""
    line = " ".join(str(text).split())
    if len(line) > LONGEST_TEXT:
        line = line[:LONGEST_TEXT].rstrip() + " …"
    return re.sub(r"([\\`*_{}\[\]<>|#~@!$])", r"\\\1", line)


def _facts(record: RunRecord) -> Iterator[str]:
    target = record.target
    yield f"- target: {escape(target['name'])}, {escape(target.get('address', 'address not known'))}"
    yield f"- revision: {escape(record.revision)}"
    yield f"- run: {escape(record.run)}, {clock(record.started)}, {seconds(record.duration_s)}"
    yield f"- checks: {tally(record.counts)}"


def _blocked(record: RunRecord) -> Iterator[str]:
    groups = blocked(record)
    if groups:
        yield "## What blocked"
    for group in groups[:MOST_CHECKS]:
        if len(group) == 1:
            yield "\n\n".join(_card(group[0]))
        else:
            yield f"### {MARKS[Outcome.ERROR]} {len(group)} checks left no record: {escape(group[0].message)}"
            yield ", ".join(escape(check.id) for check in group[:MOST_CHECKS])
    if len(groups) > MOST_CHECKS:
        yield f"… and {len(groups) - MOST_CHECKS} more, in report.html."
    if withheld := record.with_outcome(Outcome.WITHHELD):
        stages = dict.fromkeys(check.stage for check in withheld)
        yield f"{len(withheld)} checks of {escape(', '.join(stages))} were withheld."


def _card(check: CheckRecord) -> Iterator[str]:
    yield f"### {MARKS[check.outcome]} {check.outcome}: {escape(check.claim)}"
    findings = check.last.get("findings") or []
    if check.message and not findings:
        yield escape(check.message)
    for finding in findings[:MOST_FINDINGS]:
        yield "\n".join(
            [f"- **{escape(finding.get('subject', ''))}**"]
            + [f"  - {name}: {escape(finding.get(name, ''))}" for name in ("saw", "want", "fix")]
        )
    if len(findings) > MOST_FINDINGS:
        yield f"- … and {len(findings) - MOST_FINDINGS} more findings, in report.html"
    yield f"```\n{check.again.replace('`', '')}\n```"


def _stages(record: RunRecord) -> Iterator[str]:
    rows = [
        (
            f"{MARKS[stage.outcome]} {escape(stage.name)}",
            stage.outcome,
            tally(stage.counts),
            seconds(stage.duration_s if stage.ran else None),
        )
        for stage in record.stages
    ]
    yield from _table("Stages", ("stage", "outcome", "checks", "time"), rows)


def _measures(record: RunRecord) -> Iterator[str]:
    rows = [
        (
            escape(measure.get("name", "")),
            f"{figure(measure.get('value'))} {escape(measure.get('unit', ''))}",
            escape(limit(measure)) + {True: " ✓", False: " ✗", None: ""}[held(measure)],
            figure(measure.get("samples")),
        )
        for check in record.checks
        for measure in check.last.get("measures") or []
    ]
    yield from _table("Measures", ("measure", "value", "limit", "samples"), rows[:MOST_MEASURES])
    if len(rows) > MOST_MEASURES:
        yield f"\n… and {len(rows) - MOST_MEASURES} more, in report.html."


def _waived(record: RunRecord) -> Iterator[str]:
    rows = [
        [
            escape(check.id),
            *(escape(waiver.get(name, "")) for name in ("subject", "owner", "reason", "expires")),
        ]
        for check in record.with_outcome(Outcome.WAIVED)
        for waiver in check.last.get("waivers") or []
    ]
    yield from _table("Waived", ("check", "subject", "owner", "reason", "expires"), rows)


def _flaky(record: RunRecord) -> Iterator[str]:
    flaky = [check for check in record.checks if check.flaky]
    if flaky:
        yield "## Flaky\n"
    for check in flaky:
        yield f"- {escape(check.id)}: {len(check.attempts)} attempts"


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    body = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    if body:
        names = list(heads)
        yield f"## {title}\n"
        yield "| " + " | ".join(names) + " |"
        yield "|" + " --- |" * len(names)
        yield from body
