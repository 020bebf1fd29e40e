"""Ending what a run started, wherever it went.

A process group does not hold a child that made a session of its own; its environment
does: everything a run starts inherits a variable with the run's id.
"""

from __future__ import annotations

from collections.abc import Iterator

import psutil

GRACE_S = 5.0


def processes_of(variable: str, value: str) -> Iterator[psutil.Process]:
    """Find the processes, other than this one and its parents, that carry the variable."""
    ourselves = psutil.Process()
    spared = {ourselves.pid, *(parent.pid for parent in ourselves.parents())}
    for process in psutil.process_iter():
        try:
            if process.pid not in spared and process.environ().get(variable) == value:
                yield process
        except psutil.Error:
            continue


def end_processes_of(variable: str, value: str) -> list[str]:
    """End them: politely, then for certain. Gives the names of those that were there."""
    found = list(processes_of(variable, value))
    names = [_name(process) for process in found]
    for process in found:
        _signal(process, kill=False)
    _, alive = psutil.wait_procs(found, timeout=GRACE_S)
    for process in alive:
        _signal(process, kill=True)
    psutil.wait_procs(alive, timeout=GRACE_S)
    return names


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return


def _name(process: psutil.Process) -> str:
    try:
        return f"{process.name()} ({process.pid})"
    except psutil.Error:
        return str(process.pid)
