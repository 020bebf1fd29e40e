"""The page docs/detection.md."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docs.detection.tools import Remarks, Tool
from fixtures.reference.model import Fault

PAGE = Path(__file__).parents[1] / "detection.md"
STAGES = {"migrations": "Migrations", "access": "Access"}
INFERENCE = "## Inference\n"
"""Where the part begins that ``docs.detection.endpoints`` writes."""
HEAD = """# What is seen by which tool

Made by `python -m docs.detection`, which plants every fault of the stages migrations and access into
the reference project, one at a time, and asks every tool about it. Nothing here is written by hand.

- *shipworthy*: the check that must catch the fault was run against the deployment with the fault in it;
  the subject that its finding names first is shown.
- *Supabase advisors*, *pgrls*: run on the deployed database. Seen is whatever a tool says with the fault
  and does not say without it, at any level, whether or not it names the cause. A rule that objects to
  more than half of the clean project's tables does not count: it says the same of everything.
- *squawk*: run on the project's migrations with its own defaults; `prefer-…` and `require-…-timeout`
  do not count, for the same reason.

A fault that lies between a project and its database (drift, history, declared data) is no tool's but
shipworthy's and those that compare databases; the table says so rather than leave those rows out.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault, and what each tool made of it."""

    fault: Fault
    caught: bool
    subject: str
    """What shipworthy's finding names first."""
    seen: Mapping[str, Sequence[str]]
    """Tool to the rules that it named."""


@dataclass(frozen=True, slots=True)
class Clean:
    """A project without faults, and how many remarks each tool makes about it."""

    name: str
    findings: int
    remarks: Mapping[str, Remarks]


def write_page(rows: Sequence[Row], clean: Sequence[Clean], tools: Sequence[Tool]) -> None:
    """Write docs/detection.md; its part about inference stays."""
    _, title, rest = PAGE.read_text(encoding="utf-8").partition(INFERENCE)
    PAGE.write_text(
        "\n".join(_lines(rows, clean, tools)) + f"\n\n{title}{rest}".rstrip() + "\n", encoding="utf-8"
    )


def _lines(rows: Sequence[Row], clean: Sequence[Clean], tools: Sequence[Tool]) -> Iterator[str]:
    yield HEAD
    yield f"- date: {dt.datetime.now(dt.UTC).date().isoformat()}"
    yield f"- versions: {', '.join(f'{tool.name} ({tool.version})' for tool in tools)}\n"
    yield "## Faults seen\n"
    yield "| tool | all | " + " | ".join(title.lower() for title in STAGES.values()) + " |"
    yield "|---|---|" + "---|" * len(STAGES)
    yield _totals("shipworthy", rows, lambda row: row.caught)
    for tool in tools:
        yield _totals(tool.name, rows, lambda row, name=tool.name: bool(row.seen[name]))
    yield "\n## Remarks on projects without a fault\n"
    yield "| project | shipworthy | " + " | ".join(tool.name for tool in tools) + " |"
    yield "|---|---|" + "---|" * len(tools)
    for project in clean:
        cells = [_levels(project.remarks[tool.name]) for tool in tools]
        yield f"| {project.name} | {project.findings} | {' | '.join(cells)} |"
    for stage, title in STAGES.items():
        yield f"\n## {title}\n"
        yield "| fault | what is wrong | shipworthy | " + " | ".join(tool.name for tool in tools) + " |"
        yield "|---|---|---|" + "---|" * len(tools)
        yield from (_row(row, tools) for row in rows if _stage(row) == stage)


def _totals(name: str, rows: Sequence[Row], seen: Callable[[Row], bool]) -> str:
    cells = []
    for stage in (None, *STAGES):
        of_stage = [row for row in rows if stage in (None, _stage(row))]
        cells.append(f"{sum(map(seen, of_stage))} of {len(of_stage)}")
    return f"| {name} | {' | '.join(cells)} |"


def _levels(remarks: Remarks) -> str:
    levels = Counter(remark.level for remark in remarks)
    order = ("error", "warn", "warning", "info")
    return ", ".join(f"{levels[level]} {level}" for level in order if levels[level]) or "0"


def _row(row: Row, tools: Sequence[Tool]) -> str:
    stage, _, name = row.fault.name.partition(".")
    check = row.fault.caught_by.removeprefix(f"{stage}.")
    ours = f"{check}: {_code(row.subject)}" if row.caught else "**missed**"
    others = [", ".join(row.seen[tool.name]) or "-" for tool in tools]
    return f"| {name} | {cell(row.fault.summary)} | {ours} | {' | '.join(others)} |"


def _code(text: str) -> str:
    return f"`{cell(text)}`"


def cell(text: str) -> str:
    """Write a text so that it stays in its cell."""
    return text.replace("|", "\\|").replace("\n", " ").replace("`", "'")


def _stage(row: Row) -> str:
    return row.fault.name.partition(".")[0]
