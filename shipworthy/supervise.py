"""Running the checks in a child process, so that no crash, hang or kill can end in GO."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from shipworthy.house import HOUSE, suite_folders, user_folder
from shipworthy.ledger import LedgerReader
from shipworthy.plan import Plan
from shipworthy.run import RUN_VARIABLE, Run, conclude_run, house_path, stop_run, variables_file

POLL_S = 0.1
GRACE_S = 15.0


@dataclass(slots=True)
class StageClock:
    """Knows from the ledger which stage is under way and for how long."""

    plan: Plan
    reader: LedgerReader
    _recorded: set[str] = field(default_factory=set)
    _current: str = ""
    _since: float = 0.0
    _ended: bool = False

    def overrun(self) -> str | None:
        """Say which stage has used up its time; None while all is well."""
        for entry in self.reader.new_entries():
            if entry["event"] == "check" and entry["final"]:
                self._recorded.add(entry["check"])
        stage = next((check.stage for check in self.plan.checks if check.id not in self._recorded), "")
        if stage != self._current:
            self._current, self._since = stage, time.monotonic()
        budget = next((s["budget_s"] for s in self.plan.stages if s["name"] == stage), None)
        if budget is not None and time.monotonic() - self._since > budget:
            return f"stage {stage} was stopped after its {budget:g} s: {', '.join(self._unfinished(stage))}"
        return None

    def _unfinished(self, stage: str) -> list[str]:
        left = [c.id for c in self.plan.checks if c.stage == stage and c.id not in self._recorded]
        return [*left[:3], f"and {len(left) - 3} more"] if len(left) > 3 else left


def supervise(run: Run, *, workers: int, load_profile: str | None = None) -> dict[str, Any]:
    """Run the plan's checks and judge what came of it.

    Args:
        run: an open run.
        workers: how many checks of a stage run at once; 0 for one after another in one process.
        load_profile: runs the load stage with this profile.

    Returns:
        The content of ``verdict.json``; the verdict is this process's own, from the ledger.

    """
    if run.plan.checks:
        with variables_file(run.loaded, run.workspace) as variables, signals_as_interrupt():
            argv = _arguments(run, variables, workers)
            argv += ["--load-profile", load_profile] if load_profile else []
            reason = _run_child(run, argv)
        if reason:
            stop_run(run, reason)
    return conclude_run(run)


def _arguments(run: Run, variables: Path, workers: int) -> list[str]:
    suites = suite_folders(user_folder(run.loaded.folder))
    return [
        *(sys.executable, "-P", "-m", "pytest"),
        *("-c", str(HOUSE / "pyproject.toml"), "--rootdir", str(HOUSE)),
        *map(str, suites),
        *("--target", str(run.loaded.path), "--env-file", str(variables)),
        *("--shipworthy-run", str(run.folder)),
        *("-p", "no:cacheprovider", "-n", str(workers)),
        "--disable-plugin-autoload",  # what else is installed has no say in the order and the verdict
        *("-p", "shipworthy.plugin", "-p", "xdist.plugin", "-p", "pytest_timeout"),
    ]


def _run_child(run: Run, argv: list[str]) -> str | None:
    """Run pytest to its end; say why it had none of its own."""
    environment = os.environ | {RUN_VARIABLE: run.id, "PYTHONPATH": house_path()}
    sys.stdout.flush()
    child = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        reason = _watch(run, child)
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        reason = "it was interrupted"
        try:
            child.wait(GRACE_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            reason = "it was interrupted, and did not stop by itself"
    finally:
        _kill_group(child)
    return reason


def _watch(run: Run, child: subprocess.Popen[bytes]) -> str | None:
    clock = StageClock(run.plan, LedgerReader(run.ledger))
    total_s = run.loaded.target.budgets.total_s
    deadline = time.monotonic() + total_s
    while True:
        try:
            status = child.wait(POLL_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                return f"the run was stopped after its {total_s:g} s"
            if overrun := clock.overrun():
                return overrun
            continue
        if status < 0:
            return f"the process that runs the checks was killed ({signal.Signals(-status).name})"
        if status not in {0, 1, 5}:
            return f"pytest ended with status {status}: see its output above"
        return None


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
        except (ProcessLookupError, PermissionError):
            break
        try:
            child.wait(2.0)
        except subprocess.TimeoutExpired:
            continue
    child.wait()


@contextmanager
def signals_as_interrupt() -> Iterator[None]:
    """Let a polite end (SIGTERM, a closed terminal) go the way of Ctrl-C: nothing is left behind."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
