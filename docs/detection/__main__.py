"""``python -m docs.detection [--only WORD …] [--jobs N]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from docs.detection.deployments import Deployments, running
from docs.detection.page import STAGES, Clean, Row, write_page
from docs.detection.tools import (
    Advisors,
    Pgrls,
    Remarks,
    Squawk,
    Tool,
    count_findings,
    judge,
    telling,
)
from fixtures.reference.faults import all_faults
from fixtures.reference.model import Fault
from shipworthy.errors import ProbeError
from shipworthy.house import HOUSE

SCHEMAS = HOUSE / "tests" / "schemas"
OTHERS = ("single_user", "organizations", "public_catalogue")


def main() -> int:
    """Ask every tool about every fault; write the page where all of them were asked about."""
    parser = argparse.ArgumentParser(prog="python -m docs.detection", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], help="faults with this in their names; no page"
    )
    parser.add_argument("--jobs", type=int, default=2, help="faults at once (default 2)")
    options = parser.parse_args()
    faults = [fault for fault in all_faults().values() if fault.name.partition(".")[0] in STAGES]
    chosen = [f for f in faults if not options.only or any(word in f.name for word in options.only)]
    tools: list[Tool] = [Advisors(), Pgrls(), Squawk()]
    with running() as deployed, running() as rehearsed, ThreadPoolExecutor(options.jobs) as pool:
        deployments = Deployments(deployed, rehearsed)
        clean = [_clean(deployments, "reference", HOUSE / "supabase", tools)]
        try:
            rows = list(pool.map(lambda fault: _row(deployments, fault, tools, clean[0].remarks), chosen))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
        if not options.only:
            projects = {name: SCHEMAS / name / "supabase" for name in OTHERS}
            clean += [_clean(deployments, name, folder, tools) for name, folder in projects.items()]
    if not options.only:
        write_page(rows, clean, tools)
    missed = [row.fault.name for row in rows if not row.caught]
    _say("\n".join([f"{len(rows) - len(missed)} of {len(rows)} caught", *(f"missed: {n}" for n in missed)]))
    return 1 if missed else 0


def _row(deployments: Deployments, fault: Fault, tools: Sequence[Tool], clean: dict[str, Remarks]) -> Row:
    begun = time.perf_counter()
    caught, subject = False, ""
    seen: dict[str, list[str]] = {tool.name: [] for tool in tools}
    try:
        with deployments.planted(fault) as planted:
            caught, subject = judge(planted)
            asked = [tool for tool in tools if fault.sql or not tool.of_the_database]
            seen |= {tool.name: telling(tool.remarks(planted), clean[tool.name]) for tool in asked}
    except (RuntimeError, ProbeError, psycopg.Error) as error:  # one fault less must not cost the others
        _say(f"{fault.name}: {error}")
    said = ", ".join(f"{name}: {' '.join(rules)}" for name, rules in seen.items() if rules)
    verdict = "caught" if caught else "MISSED"
    _say(f"{time.perf_counter() - begun:5.1f} s  {verdict}  {fault.name}  {said}")
    return Row(fault, caught, subject, seen)


def _clean(deployments: Deployments, name: str, folder: Path, tools: Sequence[Tool]) -> Clean:
    with deployments.planted(None, folder) as planted:
        remarks = {tool.name: tool.remarks(planted) for tool in tools}
        findings = count_findings(planted)
    _say(f"clean: {name}: {findings} findings, { ({k: len(v) for k, v in remarks.items()}) }")
    return Clean(name, findings, remarks)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  progress of a command


if __name__ == "__main__":
    sys.exit(main())
