"""What a fixture plugin may hook into, beside pytest's own hooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipworthy.journal import Journal
from shipworthy.judged import Judged
from shipworthy.sharing import Shared
from shipworthy.target import LoadedTarget, Target


@pytest.hookspec
def pytest_shipworthy_prepare(
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


@pytest.hookspec(firstresult=True)
def shipworthy_judge(check: str, run_folder: Path, target: Target) -> Judged | None:
    """Judge one check again, by the raw observations that a run kept and by what the target promises now.

    Called by ``shipworthy judge``, outside of pytest, for every check that applies to the target; an
    implementation is marked ``@pytest.hookimpl``. It reads below ``run_folder`` (``judged.kept_file`` finds a
    check's own files), changes nothing, and calls the same pure function that the check calls. None where
    the check is not its own; ``FileNotFoundError`` where the run kept nothing to judge.
    """
