"""How long the healthy reference deployment takes from command to GO, stage by stage."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.timing import SHIPWORTHY, Figure, time_command


def measure(samples: int) -> Iterator[Figure]:
    """Start the deployment once and judge it several times."""
    with tempfile.TemporaryDirectory(prefix="shipworthy-bench-") as name:
        folder = Path(name)
        up = time_command([*SHIPWORTHY, "up"], folder, expect=0)
        try:
            runs = [_judge(folder) for _ in range(samples)]
        finally:
            time_command([*SHIPWORTHY, "down"], folder, expect=0)
    verdicts = [verdict for _, verdict in runs]
    yield Figure("reference deployment, start to ready", (up.seconds,), aim="< 20 s")
    yield Figure(
        "healthy run, command to GO",
        tuple(seconds for seconds, _ in runs),
        aim="≤ 60 s",
        remark=f"{sum(verdicts[0]['counts'].values())} checks, deployment already up",
    )
    for index, stage in enumerate(verdicts[0]["stages"]):
        durations = tuple(verdict["stages"][index]["duration_s"] for verdict in verdicts)
        count = sum(stage["counts"].values())
        yield Figure(f"stage {stage['name']}", durations, remark=f"{count} checks")


def _judge(folder: Path) -> tuple[float, dict[str, Any]]:
    before = set(folder.rglob("verdict.json"))
    run = time_command([*SHIPWORTHY, "run", "local", "-n", "2"], folder, expect=0)
    (new,) = set(folder.rglob("verdict.json")) - before
    return run.seconds, json.loads(new.read_text(encoding="utf-8"))
