"""What the gate itself costs: 1,000 trivial checks under shipworthy and under plain pytest."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.timing import SHIPWORTHY, Figure, time_command

FILES, CHECKS_PER_FILE = 10, 100
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
    """Time both in turn, so that what else the machine does touches both alike."""
    with tempfile.TemporaryDirectory(prefix="shipworthy-bench-") as name:
        gate, plain = _gate(Path(name) / "gate"), _plain(Path(name) / "plain")
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
        pairs = [
            (time_command(judged, gate, expect=0).seconds, time_command(tested, plain, expect=0).seconds)
            for _ in range(samples)
        ]
    yield Figure("1,000 trivial checks, shipworthy run -n 2", tuple(ours for ours, _ in pairs))
    yield Figure("1,000 trivial checks, pytest -n 2", tuple(theirs for _, theirs in pairs))
    yield Figure(
        "ratio, pair by pair", tuple(ours / theirs for ours, theirs in pairs), aim="≤ 1.1", unit="times"
    )


def _gate(folder: Path) -> Path:
    _write_checks(folder / "suites" / "10_trivial")
    (folder / "targets").mkdir()
    (folder / "targets" / "trivial.toml").write_text('name = "trivial"\n')
    return folder


def _plain(folder: Path) -> Path:
    _write_checks(folder)
    (folder / "conftest.py").write_text(PLAIN_FINDINGS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    return folder


def _write_checks(folder: Path) -> None:
    folder.mkdir(parents=True)
    for file in range(FILES):
        first = file * CHECKS_PER_FILE
        checks = (CHECK.format(number=number) for number in range(first, first + CHECKS_PER_FILE))
        (folder / f"test_numbers_{file}.py").write_text("\n".join(checks))
