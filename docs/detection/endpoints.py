"""``python -m docs.detection.endpoints [--only WORD …]``: the part of the page that is about inference.

Every fault and every legal form of the reference endpoints is served and judged by the gate, one after
another; nothing else runs beside it, since some faults are a matter of time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs.detection.page import INFERENCE, PAGE, cell
from fixtures.reference.model import Fault
from fixtures.reference.services.inference import PACING
from fixtures.reference.services.inference.forms import FORMS
from shipworthy.ledger import read_ledger
from tests.faults.endpoints import FAULTS, deployed

LONGEST_S = 300
HEAD = """{title}
Made by `python -m docs.detection.endpoints`: the reference endpoints are served with one defect at a time,
and the check that must catch it is run; then in every legal form of the protocol, and all checks are run. No
tool of others is in this table: those that were measured when this gate was planned (November 2026, 17 faults
on one mock) flagged 8 at best, and none of duplicated or dropped chunks, differing ids, doubled usage, an
ignored `max_tokens` or a buffered stream.

- date: {date}
- {caught} of {faults} faults caught by their check; {quiet} of {forms} legal forms without a finding
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run of the gate found."""

    findings: list[dict[str, Any]]


def main() -> int:
    """Judge every fault and every form; write the section where all of them were judged."""
    parser = argparse.ArgumentParser(prog="python -m docs.detection.endpoints", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], help="faults and forms with this in their names; no page"
    )
    options = parser.parse_args()

    def wanted(name: str) -> bool:
        return not options.only or any(word in name for word in options.only)

    faults = [(fault, _judged(fault, {}, fault.caught_by)) for fault in FAULTS if wanted(fault.name)]
    forms = {form: _judged(None, dict.fromkeys(PACING, form)) for form in FORMS if wanted(form)}
    if not options.only:
        before = PAGE.read_text(encoding="utf-8").partition(INFERENCE)[0].rstrip()
        PAGE.write_text(f"{before}\n\n" + "\n".join(_section(faults, forms)) + "\n", encoding="utf-8")
    missed = [fault.name for fault, seen in faults if not seen.findings]
    loud = [form for form, seen in forms.items() if seen.findings]
    _say(
        f"{len(faults) - len(missed)} of {len(faults)} caught; missed: {missed}; forms with findings: {loud}"
    )
    return 1 if missed or loud else 0


def _judged(fault: Fault | None, forms: Mapping[str, str], check: str = "") -> Seen:
    with tempfile.TemporaryDirectory(prefix="shipworthy-detection-") as name:
        folder = Path(name)
        with deployed(folder, fault, forms) as target:
            limits = ["-n", "0", "--check", check] if check else ["-n", "2", "--stage", "inference"]
            command = [sys.executable, "-m", "shipworthy.cli", "run", target, "--reports", name]
            subprocess.run(
                [*command, *limits],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                timeout=LONGEST_S, check=False,
            )  # fmt: skip
        ledger = next(folder.glob("runs/*/*/ledger.jsonl"))
        records = [entry for entry in read_ledger(ledger) if entry["event"] == "check"]
    findings = [finding for record in records for finding in record["findings"]]
    blocked = [record["check"] for record in records if record["outcome"] not in {"passed", "failed"}]
    _say(f"{len(findings):3} findings  {fault.name if fault else dict(forms)}  {' '.join(blocked)}")
    return Seen(findings)


def _section(faults: Sequence[tuple[Fault, Seen]], forms: Mapping[str, Seen]) -> Iterator[str]:
    yield HEAD.format(
        title=INFERENCE,
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        caught=sum(bool(seen.findings) for _, seen in faults),
        faults=len(faults),
        quiet=sum(not seen.findings for seen in forms.values()),
        forms=len(forms),
    )
    yield "| fault | what is wrong | check | what it saw |\n|---|---|---|---|"
    for fault, seen in faults:
        saw = seen.findings[0]["saw"] if seen.findings else "**missed**"
        check = fault.caught_by.removeprefix("inference.")
        yield f"| {fault.name.partition('.')[2]} | {cell(fault.summary)} | {check} | {cell(saw[:160])} |"
    yield "\n| legal form | findings of all checks |\n|---|---|"
    for form, seen in forms.items():
        yield f"| {form} | {len(seen.findings)} |"


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  progress of a command


if __name__ == "__main__":
    sys.exit(main())
