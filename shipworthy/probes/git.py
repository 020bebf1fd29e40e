"""What the project's version control knows: uncommitted changes, and where given texts are tracked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shipworthy.errors import ProbeError

NOTHING_FOUND = 1


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Where a searched text stands in a tracked file."""

    path: str
    line: int
    text: str


def is_work_tree(folder: Path) -> bool:
    """Tell whether the folder is under git; False too where git itself is not there to ask."""
    try:
        done = _run(folder, "rev-parse", "--is-inside-work-tree")
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == "true"


def uncommitted_files(folder: Path) -> tuple[str, ...]:
    """List the files that differ from the last commit or are new to it; ignored files do not count.

    Raises:
        ProbeError: git could not tell.

    """
    lines = _git(folder, "status", "--porcelain", "-z", "--no-renames").split("\0")
    return tuple(line[3:] for line in lines if line)


def count_tracked(folder: Path) -> int:
    """Count the files under version control.

    Raises:
        ProbeError: git could not tell.

    """
    return _git(folder, "ls-files", "-z").count("\0")


def find_tracked(folder: Path, texts: Iterable[str]) -> Iterator[Occurrence]:
    """Find where exact texts stand in tracked files; the texts are passed to git by pipe, never by argument.

    Raises:
        ProbeError: git could not tell.

    """
    searched = [text for text in texts if text and "\n" not in text]
    if not searched:
        return
    arguments = ("grep", "-z", "--line-number", "--only-matching", "--fixed-strings", "-I", "-f", "-")
    for line in _git(folder, *arguments, stdin="\n".join(searched)).splitlines():
        path, number, text = line.split("\0", 2)
        yield Occurrence(path, int(number), text)


def _git(folder: Path, *arguments: str, stdin: str = "") -> str:
    try:
        done = _run(folder, *arguments, stdin=stdin)
    except OSError as error:
        raise ProbeError(f"git {arguments[0]} in {folder}: {error}; install git") from error
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"git {arguments[0]} in {folder}: no answer in {error.timeout:.0f} s") from error
    if done.returncode == NOTHING_FOUND and arguments[0] == "grep" and not done.stderr:
        return ""
    if done.returncode:
        raise ProbeError(f"git {arguments[0]} in {folder}: {done.stderr.strip()}")
    return done.stdout


def _run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=30,
    )
