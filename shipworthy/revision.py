"""Which version is being judged."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CI_VARIABLES = ("SHIPWORTHY_REVISION", "GITHUB_SHA", "CI_COMMIT_SHA", "VERCEL_GIT_COMMIT_SHA")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and whether the tree holds something else besides."""

    commit: str | None
    dirty: bool = False

    @property
    def short(self) -> str:
        """Seven digits for people and folder names; ``unversioned`` outside version control."""
        return self.commit[:7] if self.commit else "unversioned"


def read_revision(folder: Path, variables: Mapping[str, str]) -> Revision:
    """Read the revision from git, else from what a CI system says of it."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return Revision(commit, dirty=bool(_git(folder, "status", "--porcelain", "--untracked-files=no")))
    except (OSError, subprocess.SubprocessError):
        named = (variables[name] for name in CI_VARIABLES if variables.get(name))
        return Revision(next(named, None))


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
