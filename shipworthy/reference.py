"""Starting and stopping the reference deployment around a run.

It is a program of its own (``python -m fixtures.reference``); the gate knows its command
line and nothing of its inside. It ends when its standard input closes, so it cannot
outlive the process that started it for a run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from shipworthy.errors import RunError
from shipworthy.house import untracked_folder, user_folder
from shipworthy.processes import end_processes_of
from shipworthy.run import house_path
from shipworthy.target.loader import base_folder

START_S = 120.0
STOP_S = 30.0
STATE_VARIABLE = "SHIPWORTHY_REFERENCE"
"""Set in the environment of every process of the deployment, to its folder."""
Say = Callable[[str], None]


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201  progress of a command


@contextmanager
def reference_running(
    target: Path, env_file: str | None, *, plant: Sequence[str] = (), say: Say = _print
) -> Iterator[Path | None]:
    """Hold the reference deployment up for a target that asks for it.

    Gives the env file to load the target with: None where the target's own is right,
    because the target is another deployment.

    Raises:
        RunError: it did not start; the message says which part.

    """
    if env_file or not is_reference(target):
        if plant:
            raise RunError("--plant puts a fault into the reference deployment; this target is another one")
        yield Path(env_file) if env_file else None
        return
    if not plant and running_pid(target):
        yield _home(target) / "env"  # an installed target file would look for it beside itself
        return
    with tempfile.TemporaryDirectory(prefix="shipworthy-reference-", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        state.chmod(0o755)
        process = _start(state, plant, say)
        try:
            yield state / "env"
        finally:
            _stop(process, state, say)


def up(target: Path, *, plant: Sequence[str] = (), say: Say = _print) -> Path:
    """Start the reference deployment and leave it running; gives its env file.

    Raises:
        RunError: it is up already, or did not start.

    """
    if running_pid(target):
        raise RunError("the reference deployment is up already; `shipworthy down` stops it")
    state = Path(tempfile.mkdtemp(prefix="shipworthy-reference-"))
    state.chmod(0o755)
    process = _start(state, plant, say, detached=True)
    home = _home(target)
    untracked_folder(home.parent)
    home.mkdir(exist_ok=True)
    (home / "pid").write_text(f"{process.pid}\n")
    (home / "env").unlink(missing_ok=True)
    (home / "env").symlink_to(state / "env")
    return home / "env"


def down(target: Path, *, say: Say = _print) -> bool:
    """Stop what ``up`` started; False where nothing was running."""
    pid = running_pid(target)
    home = _home(target)
    state = (home / "env").resolve().parent
    if pid:
        process = psutil.Process(pid)
        process.send_signal(signal.SIGTERM)
        say("stopping the reference deployment")
        try:
            process.wait(STOP_S)
        except psutil.TimeoutExpired:
            process.kill()
    if state != home.resolve():
        _clear(state)
        shutil.rmtree(state, ignore_errors=True)
    for name in ("pid", "env"):
        (home / name).unlink(missing_ok=True)
    return pid is not None


def running_pid(target: Path) -> int | None:
    """Give the process of a deployment that ``up`` started and that still runs."""
    try:
        pid = int((_home(target) / "pid").read_text())
        command = psutil.Process(pid).cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if "fixtures.reference" in command else None


def _home(target: Path) -> Path:
    return user_folder(base_folder(target)) / ".shipworthy" / "reference"


def is_reference(target: Path) -> bool:
    """Tell whether a target file is about the reference deployment."""
    try:
        return tomllib.loads(target.read_text(encoding="utf-8")).get("reference") is True
    except (OSError, ValueError):
        return False  # the loader says what is wrong with it


def _start(state: Path, plant: Sequence[str], say: Say, *, detached: bool = False) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "fixtures.reference", "serve", "--state", str(state)]
    argv += [word for fault in plant for word in ("--plant", fault)]
    argv += ["--detached"] if detached else []
    log = (state / "deployment.log").open("w")
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": house_path(), "PYTHONWARNINGS": "ignore", STATE_VARIABLE: str(state)},
        start_new_session=True,
    )
    try:
        _follow(process, state, say)
    except BaseException:
        _stop(process, state, say)
        raise
    return process


def _follow(process: subprocess.Popen[str], state: Path, say: Say) -> None:
    """Repeat what the deployment says of its start, until its env file is there."""
    deadline = time.monotonic() + START_S
    seen = 0
    while True:
        over = process.poll() is not None
        lines = (state / "deployment.log").read_text().split("\n")[:-1]
        for line in lines[seen:]:
            say(f"  {line}")
        seen = len(lines)
        if (state / "env").exists():
            return
        if over or time.monotonic() > deadline:
            cause = lines[-1] if over and lines else f"it was not ready within {START_S:.0f} s"
            raise RunError(f"the reference deployment did not start: {cause}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[str], state: Path, say: Say) -> None:
    if process.poll() is None:
        if process.stdin:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            say("the reference deployment did not stop by itself; ending it")
            process.kill()
            process.wait()
    _clear(state)


def _clear(state: Path) -> None:
    """End what a deployment left that could not end by itself; nothing, after a normal stop."""
    end_processes_of(STATE_VARIABLE, str(state))
    if (state / "postgres").exists():
        argv = [sys.executable, "-m", "fixtures.reference", "clear", "--state", str(state)]
        subprocess.run(argv, env=os.environ | {"PYTHONPATH": house_path()}, check=False)
