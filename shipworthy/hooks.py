"""What a fixture plugin may hook into, beside pytest's own hooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipworthy.journal import Journal
from shipworthy.sharing import Shared
from shipworthy.target import LoadedTarget


@pytest.hookspec
def shipworthy_prepare(
    loaded_target: LoadedTarget,
    parts: frozenset[str],
    shared: Shared,
    journal: Journal,
    workspace: Path,
    run_id: str,
) -> None:
    """Begin with what takes its time (a server), while the workers start and preflight runs.

    Called once a run, in the controlling process, in a thread beside it. ``parts`` is what the
    planned checks need of the target. A ``ProbeError`` is passed over here: the first check that
    asks for the thing meets it again, and says so.
    """
