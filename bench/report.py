"""Printing the figures and keeping them in docs/benchmarks.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Iterable
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench.timing import HEADS, Figure

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def print_figures(figures: Iterable[Figure]) -> None:
    """Show the figures as a table."""
    table = Table(*HEADS)
    for figure in figures:
        table.add_row(*figure.cells())
    Console(width=None if os.isatty(1) else 140).print(table)


def write_page(figures: Iterable[Figure], missing: Iterable[str]) -> None:
    """Rewrite docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Made by `tox -e bench`. Times of commands are wall time measured from outside, times of stages are",
        "the ledger's, from the first check that began to the last that ended.",
        "",
        f"- date: {dt.datetime.now(dt.UTC).date().isoformat()}",
        *(f"- {name}: {fact}" for name, fact in machine().items()),
        "",
        f"| {' | '.join(HEADS)} |",
        f"|{'---|' * len(HEADS)}",
        *(f"| {' | '.join(figure.cells())} |" for figure in figures),
        "",
        *(f"Not measured here: {reason}.\n" for reason in missing),
    ]
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def machine() -> dict[str, str]:
    """Say what the figures were measured on."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "machine": f"{psutil.cpu_count()} cores ({_processor()}), {memory:.0f} GiB memory",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
