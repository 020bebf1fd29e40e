"""What the gate itself costs: 1,000 trivial checks under shipworthy and under plain pytest."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.timing import SHIPWORTHY, Figure, time_command

CHECKS, CHECKS_PER_FILE = 1000, 100
CHECK = '''
def test_{number}(findings):
    """Number {number} is a number.

    Why: it costs nothing.
    Fix: count again.
    """
    findings.looked_at(1, "numbers")
'''
PLAIN_FINDINGS = """
import pytest

from shipworthy.findings import Findings


@pytest.fixture
def findings():
    found = Findings()
    yield found
    found.settle()
"""


def measure(samples: int) -> Iterator[Figure]:
    """Time both in turn, so that what else the machine does touches both alike.

    The same with a single check tells what starting costs, and so what each further check costs.
    """
    many = _pairs(samples, CHECKS)
    one = _pairs(samples, 1)
    for (ours, theirs), what in ((many, f"{CHECKS:,} trivial checks"), (one, "1 trivial check")):
        yield Figure(f"{what}, shipworthy run -n 2", ours)
        yield Figure(f"{what}, pytest -n 2", theirs)
    yield Figure(
        f"ratio at {CHECKS:,} trivial checks, pair by pair",
        tuple(ours / theirs for ours, theirs in zip(*many, strict=True)),
        aim="≤ 1.1",
        unit="times",
    )
    extra = zip(*many, *one, strict=True)
    yield Figure(
        "added to each further check",
        tuple(
            1000 * ((ours - theirs) - (first - plain)) / (CHECKS - 1) for ours, theirs, first, plain in extra
        ),
        unit="ms",
    )


def _pairs(samples: int, checks: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    with tempfile.TemporaryDirectory(prefix="shipworthy-bench-") as name:
        gate, plain = _gate(Path(name) / "gate", checks), _plain(Path(name) / "plain", checks)
        judged = [*SHIPWORTHY, "run", "trivial", "--stage", "trivial", "-n", "2"]
        tested = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            "-p",
            "no:shipworthy",
            "-p",
            "no:cacheprovider",
        ]
        for command, folder in ((judged, gate), (tested, plain)):
            time_command(command, folder, expect=0)  # compiles the checks
        pairs = [
            (time_command(judged, gate, expect=0).seconds, time_command(tested, plain, expect=0).seconds)
            for _ in range(samples)
        ]
    return tuple(ours for ours, _ in pairs), tuple(theirs for _, theirs in pairs)


def _gate(folder: Path, checks: int) -> Path:
    _write_checks(folder / "suites" / "10_trivial", checks)
    (folder / "targets").mkdir()
    (folder / "targets" / "trivial.toml").write_text('name = "trivial"\n')
    return folder


def _plain(folder: Path, checks: int) -> Path:
    _write_checks(folder, checks)
    (folder / "conftest.py").write_text(PLAIN_FINDINGS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    return folder


def _write_checks(folder: Path, checks: int) -> None:
    folder.mkdir(parents=True)
    for first in range(0, checks, CHECKS_PER_FILE):
        numbers = range(first, min(first + CHECKS_PER_FILE, checks))
        text = "\n".join(CHECK.format(number=number) for number in numbers)
        (folder / f"test_numbers_{first}.py").write_text(text)
