"""``python -m bench [--samples N] [--only NAME …]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from bench import (
    access_matrix,
    broken_migration,
    catalogue,
    databases,
    from_zero,
    gate_cost,
    healthy_run,
    made_rows,
    meter,
    regression_gate,
)
from bench.report import print_figures, write_page
from bench.timing import Figure

Measure = Callable[[int], Iterator[Figure]]
MEASURES: dict[str, Measure] = {
    "healthy-run": healthy_run.measure,
    "broken-migration": broken_migration.measure,
    "gate-cost": gate_cost.measure,
    "databases": databases.measure,
    "access-matrix": access_matrix.measure,
    "catalogue": catalogue.measure,
    "made-rows": made_rows.measure,
    "from-zero": from_zero.measure,
    "regression-gate": regression_gate.measure,
    "meter": meter.measure_meter,
    "meter-stall": meter.measure_stall,
}


def main() -> int:
    """Measure, print, and keep the page where everything was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what the gate costs.")
    parser.add_argument("--samples", type=int, default=5, help="runs for each figure (default 5)")
    parser.add_argument("--only", action="append", choices=sorted(MEASURES), help="measure this and print it")
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in options.only or MEASURES:
        Console().print(f"measuring {name}")
        figures += MEASURES[name](options.samples)
    print_figures(figures)
    if not options.only:
        write_page(figures, databases.missing())
    return 0


if __name__ == "__main__":
    sys.exit(main())
