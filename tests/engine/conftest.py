"""A gate of one's own: a small target, small suites, the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shipworthy.ledger import read_ledger

LONGEST_S = 90


@dataclass
class Result:
    """What a command left: its exit code, what it printed, the run's folder."""

    code: int
    said: str
    folder: Path | None

    @property
    def verdict(self) -> dict[str, Any]:
        assert self.folder, self.said
        return json.loads((self.folder / "verdict.json").read_text())

    @property
    def outcomes(self) -> dict[str, str]:
        assert self.folder, self.said
        ledger = read_ledger(self.folder / "ledger.jsonl")
        return {entry["check"]: entry["outcome"] for entry in ledger if entry["event"] == "check"}


@dataclass
class Gate:
    """A folder with ``targets/`` and ``suites/`` of its own."""

    folder: Path

    def target(self, text: str = "", name: str = "small") -> Path:
        path = self.folder / "targets" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'name = "{name}"\n' + textwrap.dedent(text))
        return path

    def suite(self, stage: str, source: str, module: str = "test_module.py") -> None:
        path = self.folder / "suites" / stage / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "shipworthy.cli", *words]

    def environment(self) -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "SHIPWORTHY_RUN", "GITHUB_SHA"}}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, env=self.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str]) -> Result:
        said, _ = process.communicate(timeout=LONGEST_S)
        return Result(process.returncode, said, self.last_run())

    def run(self, *words: str) -> Result:
        return self.finish(self.start(*words))

    def last_run(self) -> Path | None:
        runs = sorted(
            self.folder.glob("reports/runs/*/*/plan.json"), key=lambda path: path.stat().st_mtime_ns
        )
        return runs[-1].parent if runs else None


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """An empty gate with a target that declares nothing."""
    made = Gate(tmp_path)
    made.target()
    return made
