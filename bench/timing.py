"""Timing whole commands, and what a figure is made of."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHIPWORTHY = (sys.executable, "-m", "shipworthy.cli")
LONGEST_S = 900


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: every sample in seconds, and what it was hoped to be."""

    name: str
    samples: tuple[float, ...]
    aim: str = ""
    remark: str = ""
    unit: str = "s"

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    def cells(self) -> tuple[str, ...]:
        """Name, median, range, number of samples, aim, remark."""
        spread = f"{min(self.samples):.3g} to {max(self.samples):.3g}" if len(self.samples) > 1 else ""
        return (
            self.name,
            f"{self.median:.3g} {self.unit}",
            spread,
            str(len(self.samples)),
            self.aim,
            self.remark,
        )


HEADS = ("what", "median", "range", "samples", "aim", "remark")


@dataclass(frozen=True, slots=True)
class Run:
    """One finished command."""

    seconds: float
    code: int
    output: str


def time_command(argv: Sequence[str], folder: Path, *, expect: int) -> Run:
    """Run a command and time it from outside.

    Raises:
        RuntimeError: it ended with another exit code than expected, so the time means nothing.

    """
    begun = time.perf_counter()
    done = subprocess.run(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    run = Run(time.perf_counter() - begun, done.returncode, done.stdout)
    if run.code != expect:
        last = "\n".join(run.output.splitlines()[-30:])
        raise RuntimeError(f"{' '.join(argv)} ended with {run.code}, not {expect}:\n{last}")
    return run
