"""The reference deployment, held up while something is measured."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.timing import SHIPWORTHY, time_command


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that is up, and the folder from which it is judged."""

    folder: Path
    start_s: float

    def judge(self, *, expect: int) -> tuple[float, dict[str, Any]]:
        """Run the gate once; gives the seconds and the content of ``verdict.json``."""
        before = set(self.folder.rglob("verdict.json"))
        run = time_command([*SHIPWORTHY, "run", "local", "-n", "2"], self.folder, expect=expect)
        (new,) = set(self.folder.rglob("verdict.json")) - before
        return run.seconds, json.loads(new.read_text(encoding="utf-8"))


@contextmanager
def up(plant: Sequence[str] = ()) -> Iterator[Deployment]:
    """Start it, with planted faults where asked, and stop it again."""
    with tempfile.TemporaryDirectory(prefix="shipworthy-bench-") as name:
        folder = Path(name)
        words = [word for fault in plant for word in ("--plant", fault)]
        started = time_command([*SHIPWORTHY, "up", *words], folder, expect=0)
        try:
            yield Deployment(folder, started.seconds)
        finally:
            time_command([*SHIPWORTHY, "down"], folder, expect=0)
