"""What a run prints: its target, a line per check as it ends, a summary of one screen."""

from __future__ import annotations

import sys
from collections.abc import Sized
from pathlib import Path
from typing import Any, TextIO

import pytest
from _pytest.terminal import TerminalReporter

from shipworthy.ledger import Outcome
from shipworthy.plan import Plan
from shipworthy.run import Run
from shipworthy.verdict import NOT_RUN, WORST_FIRST, headline

WRITES = {
    "none": "nothing may be written there",
    "synthetic": "only synthetic rows may be written there",
    "any": "anything may be written there",
}
MARKS = {
    Outcome.PASSED: ("ok", "green"),
    Outcome.WAIVED: ("waived", "yellow"),
    Outcome.FAILED: ("FAILED", "red"),
    Outcome.ERROR: ("ERROR", "red"),
    Outcome.UNVERIFIED: ("UNVERIFIED", "red"),
    Outcome.WITHHELD: ("withheld", "yellow"),
}
SHOWN_FINDINGS = 5
SHOWN_BLOCKING = 4
WIDTH = 100
STYLES = {"green": "32", "red": "31", "yellow": "33", "bold": "1", "dim": "2"}


def paint(text: str, *styles: str, file: TextIO | None = None) -> str:
    """Colour a text where the terminal shows colours."""
    if not (file or sys.stdout).isatty():
        return text
    return f"\x1b[{';'.join(STYLES[style] for style in styles)}m{text}\x1b[0m"


def count(things: Sized, noun: str) -> str:
    """Count in words: ``1 check``, ``2 checks``."""
    return f"{len(things)} {noun}" + ("" if len(things) == 1 else "s")


def print_opening(run: Run, file: TextIO | None = None) -> None:
    """Say first what is judged, where it is, and what may be written there."""
    plan, out = run.plan, file or sys.stdout
    target = plan.target
    print(f"{paint(target['name'], 'bold')} at {target['address']}: {WRITES[target['writes']]}", file=out)
    commit = (plan.revision["commit"] or "an unknown revision")[: 7 if plan.revision["commit"] else None]
    commit += " with changes" if plan.revision["dirty"] else ""
    limited = f", limited to {plan.partial}" if plan.partial else ""
    owed = f"{count(plan.checks, 'check')} in {count(plan.stages, 'stage')}"
    print(f"run {plan.run} of {commit}: {owed}{limited}", file=out, flush=True)


class GateReporter(TerminalReporter):  # type: ignore[misc]  # final only to type checkers
    """pytest's reporter, saying the gate's words instead of dots."""

    def __init__(self, config: pytest.Config, run: Run, file: TextIO) -> None:
        super().__init__(config, file)
        self._run = run
        self._stage_of = {check.id: check.stage for check in run.plan.checks}
        self._stage = ""
        self._withheld: dict[str, tuple[int, str]] = {}
        self._show_progress_info = False

    def record(self, entry: dict[str, Any]) -> None:
        """Print one record of the ledger."""
        stage = self._stage_of.get(entry["check"], "")
        if entry["outcome"] == Outcome.WITHHELD:
            number, _ = self._withheld.get(stage, (0, ""))
            self._withheld[stage] = (number + 1, entry["message"])
            return
        if stage != self._stage:
            self._stage = stage
            self._line(f"\n{paint(stage, 'bold')}")
        for line in lines_of(entry, stage):
            self._line(line)

    def _print_withheld(self) -> None:
        for stage, (number, message) in self._withheld.items():
            why = message.removeprefix("withheld: ")
            self._line(f"\n{paint(stage, 'bold')}  {paint(f'{number} withheld', 'yellow')} ({why})")

    def _line(self, text: str) -> None:
        self._tw.line(text)
        self._tw.flush()

    def write_line(self, line: str | bytes, **markup: bool) -> None:
        """Leave out what pytest and xdist say of their own doing."""

    def rewrite(self, line: str, **markup: bool) -> None:
        """Leave it out too."""

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Say nothing: the opening has been said."""
        self._session = session

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        """Say nothing: a check is said when it ends."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Say nothing: the record says it."""

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Say nothing."""

    def pytest_keyboard_interrupt(self) -> None:  # type: ignore[override]  # the argument is not wanted
        """Say nothing: the verdict says that it was interrupted."""

    def pytest_collection(self) -> None:
        """Say nothing."""

    def report_collect(self, final: bool = False) -> None:
        """Say nothing."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say nothing."""

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(
        self,
        session: pytest.Session,  # noqa: ARG002
        exitstatus: int | pytest.ExitCode,  # noqa: ARG002  pytest's signature
    ) -> Any:
        """Show only what kept checks from being collected."""
        result = yield
        self._print_withheld()
        if self.stats.get("error"):
            self.summary_errors()
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_terminal_summary(self) -> Any:
        """Leave the summary to the verdict."""
        return (yield)


def lines_of(entry: dict[str, Any], stage: str) -> list[str]:
    """Give the lines for one record: the check, and what a reader needs if it does not hold."""
    word, colour = MARKS[Outcome(entry["outcome"])]
    name = entry["check"].removeprefix(f"{stage}.") + (f" [{entry['variant']}]" if entry["variant"] else "")
    figures = [figure(measure) for measure in entry["measures"]]
    beside = figures[0] if len(figures) == 1 else ""
    again = "" if entry["final"] else f"  (attempt {entry['attempt']}, tried again)"
    lines = [
        f"  {paint(f'{word:<10}', colour)} {entry['duration_s']:6.2f} s  {name}{again}  {beside}".rstrip()
    ]
    if not beside:
        lines += [f"{'':23}{text}" for text in figures]
    if entry["message"]:
        lines.append(f"             {entry['message']}")
    if entry["outcome"] in {Outcome.FAILED, Outcome.WAIVED}:
        lines += _findings(entry["findings"])
    return lines


def figure(measure: dict[str, Any]) -> str:
    """Write a measure with its limit and its samples: ``TTFT p95 61.2 ms <= 400 (n=130)``."""
    sign = ">=" if measure.get("at_least") else "<="
    limit = f" {sign} {measure['limit']:g}" if measure["limit"] is not None else ""
    return f"{measure['name']} {measure['value']:.4g} {measure['unit']}{limit} (n={measure['samples']})"


def _findings(findings: list[dict[str, str]]) -> list[str]:
    lines = []
    for finding in findings[:SHOWN_FINDINGS]:
        lines += [
            f"    {part:>9}: {_indent(finding[part])}" for part in ("subject", "saw", "want", "fix")
        ] + [""]
    if len(findings) > SHOWN_FINDINGS:
        lines.append(f"    … and {len(findings) - SHOWN_FINDINGS} more in the report")
    return lines


def _indent(text: str) -> str:
    return text.replace("\n", "\n               ")


def print_summary(verdict: dict[str, Any], folder: Path, plan: Plan, file: TextIO | None = None) -> None:
    """Print the verdict and, where it is NO-GO, what blocked and what to do."""
    out = file or sys.stdout
    good = verdict["verdict"] == "GO"
    title = paint(headline(verdict), "bold", "green" if good else "red")
    print(f"\n{title}  {verdict['target']}  {verdict['duration_s']:.1f} s: {verdict['reason']}", file=out)
    stages = "  ".join(f"{s['name']} {s['outcome']} {s['duration_s']:.1f} s" for s in verdict["stages"])
    for line in _wrap(stages):
        print(f"  {line}", file=out)
    blocking = [record for record in verdict["blocking"] if record["outcome"] != Outcome.WITHHELD]
    unseen = [record for record in blocking if record["message"].startswith(NOT_RUN)]
    blocking = sorted(
        (record for record in blocking if record not in unseen),
        key=lambda record: WORST_FIRST.index(Outcome(record["outcome"])),
    )
    if unseen:
        print(f"\n  {len(unseen)} checks did not run, {unseen[0]['check']} the first of them", file=out)
    groups = _alike(blocking)
    for group in groups[:SHOWN_BLOCKING]:
        _print_blocking(group, plan, out)
    rest = [record["check"] for group in groups[SHOWN_BLOCKING:] for record in group]
    if rest:
        more = ", ".join(rest[:SHOWN_FINDINGS]) + (" …" if len(rest) > SHOWN_FINDINGS else "")
        print(f"\n  … and {count(rest, 'more blocking check')}: {more}", file=out)
    if verdict["flaky"]:
        print(f"\n  flaky: {', '.join(verdict['flaky'])} held only when tried again", file=out)
    print(f"\nevidence: {_shown(folder / 'report.html')}", file=out, flush=True)


def _alike(records: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Put together the checks that say the same for want of findings: one thing is in the way of all."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        said = record["check"] if record["findings"] else record["message"]
        groups.setdefault((record["outcome"], said), []).append(record)
    return list(groups.values())


def _print_blocking(group: list[dict[str, Any]], plan: Plan, out: TextIO) -> None:
    record, others = group[0], [other["check"] for other in group[1:]]
    print(f"\n  {paint(record['check'], 'bold')}  {record['outcome']}", file=out)
    if record["message"]:
        print(f"      {record['message']}", file=out)
    for line in _wrap("  ".join(["for the same reason:", *others])) if others else ():
        print(f"      {line}", file=out)
    for finding in record["findings"][:2]:
        for part in ("subject", "saw", "want", "fix"):
            print(f"    {part:>9}: {_indent(finding[part])}", file=out)
    if len(record["findings"]) > 2:
        print(f"    … and {len(record['findings']) - 2} more findings", file=out)
    print(f"    run again: {plan.command} --check {record['check']}", file=out)


def _wrap(text: str) -> list[str]:
    lines = [""]
    for word in text.split("  "):
        if lines[-1] and len(lines[-1]) + len(word) + 2 > WIDTH:
            lines.append("")
        lines[-1] += ("  " if lines[-1] else "") + word
    return lines


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
