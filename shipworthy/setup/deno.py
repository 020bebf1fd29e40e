"""Deno from its wheel, with the edge functions compiled ahead of their first start."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from shipworthy.errors import ProbeError
from shipworthy.house import HOUSE
from shipworthy.setup.cache import cache_folder

COMPILE_S = 120.0
OFFLINE = ("--no-remote", "--no-npm", "--no-config", "--no-lock")
"""The functions import nothing from elsewhere, and Deno is held to it."""


def deno_program() -> Path:
    """Give the ``deno`` executable of the deno package."""
    from deno import find_deno_bin  # type: ignore[import-untyped]

    return Path(find_deno_bin())


def deno_cache() -> Path:
    """Give the folder for ``DENO_DIR``."""
    return cache_folder() / "deno"


def entry_points(project: Path) -> list[Path]:
    """List the edge functions of a project: ``functions/<name>/index.ts``."""
    return sorted((project / "functions").glob("*/index.ts"))


def set_up_deno(say: Callable[[str], None]) -> None:
    """Type-check and compile the edge functions of the reference project.

    Raises:
        ProbeError: Deno does not run here, or a function does not compile.

    """
    services = HOUSE / "fixtures" / "reference" / "services"
    files = [*entry_points(HOUSE / "supabase"), services / "functions.ts"]
    try:
        done = subprocess.run(
            [deno_program(), "check", "--quiet", *OFFLINE, *files],
            env={"DENO_DIR": str(deno_cache()), "NO_COLOR": "1", "HOME": str(Path.home())},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMPILE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProbeError(f"deno does not run on this machine: {error}") from error
    if done.returncode:
        raise ProbeError(f"deno check of the edge functions failed:\n{done.stderr.strip()}")
    say(f"deno: {len(files)} edge function files compiled")
