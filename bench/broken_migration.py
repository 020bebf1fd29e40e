"""How soon a migration with a syntax error is refused."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.timing import SHIPWORTHY, Figure, time_command
from shipworthy.house import HOUSE

TARGET = """
name = "broken"

[database]
project = "supabase"
scratch = "embedded"
"""
BROKEN = "create table public.broken (id uuid primary key,, name text);\n"


def measure(samples: int) -> Iterator[Figure]:
    """Judge a project whose last migration does not parse."""
    with tempfile.TemporaryDirectory(prefix="shipworthy-bench-") as name:
        folder = Path(name)
        shutil.copytree(HOUSE / "supabase", folder / "supabase")
        (folder / "supabase" / "migrations" / "20991231000000_broken.sql").write_text(BROKEN)
        (folder / "targets").mkdir()
        (folder / "targets" / "broken.toml").write_text(TARGET)
        runs = [time_command([*SHIPWORTHY, "run", "broken"], folder, expect=1) for _ in range(samples)]
    if "20991231000000_broken.sql" not in runs[0].output:
        raise RuntimeError(f"the run ended for another reason:\n{runs[0].output}")
    yield Figure(
        "migration with a syntax error, command to NO-GO", tuple(run.seconds for run in runs), aim="≤ 5 s"
    )
