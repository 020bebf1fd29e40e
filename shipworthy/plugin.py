"""The pytest plugin: options, the run, the fixtures that the gate itself gives.

Without ``--target`` it does nothing. With it, this session is a run of the gate: its checks
are ordered by stage, held at the barrier, recorded in the ledger and judged at the end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shipworthy import hooks
from shipworthy.errors import ProbeError, RunError
from shipworthy.evidence.writer import Evidence
from shipworthy.executor import Executor
from shipworthy.findings import Findings
from shipworthy.house import find_target
from shipworthy.journal import Journal
from shipworthy.plan import Selection
from shipworthy.recording import Recorder
from shipworthy.reference import reference_running
from shipworthy.retrying import Retrying
from shipworthy.run import RUN_VARIABLE, Run, attach_run, conclude_run, open_run
from shipworthy.sharing import Shared
from shipworthy.target import LoadedTarget, Target, load_target
from shipworthy.terminal import GateReporter, print_opening, print_summary

RUN = pytest.StashKey[Run]()
RECORDER = pytest.StashKey[Recorder]()
PREPARING = pytest.StashKey[threading.Thread]()
CLOSING = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the gate's options."""
    group = parser.getgroup("shipworthy", "deployment gate")
    group.addoption(
        "--target", metavar="TARGET", help="the target file, or its name in targets/: run the gate"
    )
    group.addoption(
        "--stage", action="append", default=[], metavar="STAGE", help="only this stage (repeatable)"
    )
    group.addoption("--check", action="append", default=[], metavar="ID", help="only this check (repeatable)")
    group.addoption("--env-file", metavar="FILE", help="variables of the target, instead of its own env_file")
    group.addoption("--load-profile", metavar="NAME", help="gate, nightly or soak, instead of the target's")
    group.addoption(
        "--reports", default="reports", metavar="DIR", help="where runs are kept (default: reports)"
    )
    group.addoption(
        "--shipworthy-run", metavar="DIR", help="the open run to work on (set by `shipworthy run`)"
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Open the run, or join the one that the parent or the controller opened."""
    if not config.getoption("--target") or config.option.collectonly:
        return
    config.stash[CLOSING] = ExitStack()
    try:
        run = _run_of(config)
    except RunError as error:
        config.stash[CLOSING].close()
        raise pytest.UsageError(str(error)) from error
    config.stash[RUN] = run
    os.environ[RUN_VARIABLE] = run.id
    config.option.shipworthy_run = str(run.folder)
    config.option.env_file = config.option.env_file and str(Path(config.option.env_file).resolve())
    config.option.maxschedchunk = 1 if len(run.plan.checks) < 500 else None
    config.pluginmanager.register(Executor(run, config), "shipworthy-executor")
    if run.plan.retries:
        config.pluginmanager.register(Retrying(run.plan.retries), "shipworthy-retrying")
    if not hasattr(config, "workerinput"):
        _control(config, run)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker which run it works on; of itself xdist gives it the command line only."""
    if RUN in node.config.stash:
        option = node.config.option
        node.workerinput["shipworthy"] = {
            name: getattr(option, name) for name in ("target", "env_file", "shipworthy_run")
        }


def _run_of(config: pytest.Config) -> Run:
    option = config.option
    vars(option).update(getattr(config, "workerinput", {}).get("shipworthy", {}))
    path = find_target(option.target, config.invocation_params.dir)
    if option.shipworthy_run:
        option.target = str(path)
        if not hasattr(config, "workerinput"):
            threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
        return attach_run(Path(option.shipworthy_run), _load(config, path, option.env_file))
    env_file = config.stash[CLOSING].enter_context(reference_running(path, option.env_file))
    option.env_file = str(env_file) if env_file else None
    option.target = str(path)
    loaded = _load(config, path, option.env_file)
    selection = Selection(tuple(option.stage), tuple(option.check))
    command = f"pytest --target {path.name}"
    run = open_run(loaded, selection, reports=Path(option.reports), command=command)
    config.stash[CLOSING].callback(_conclude, config, run)
    print_opening(run)
    return run


def _end_with_parent(parent: int) -> None:
    """A run whose supervisor is gone has nobody left to judge it: end it, workers and all."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


def _load(config: pytest.Config, path: Path, env_file: str | None) -> LoadedTarget:
    profile = config.option.load_profile
    return load_target(path, env_file=Path(env_file) if env_file else None, load_profile=profile)


def _control(config: pytest.Config, run: Run) -> None:
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter:
        config.pluginmanager.unregister(reporter)
    gate_reporter = GateReporter(config, run, sys.stdout)
    config.pluginmanager.register(gate_reporter, "terminalreporter")
    distributed = config.pluginmanager.getplugin("dsession")
    if distributed:
        distributed.terminal = distributed.trdist.tr = gate_reporter
    recorder = Recorder(run, gate_reporter.record)
    config.stash[RECORDER] = recorder
    config.pluginmanager.register(recorder, "shipworthy-recorder")


def _conclude(config: pytest.Config, run: Run) -> None:
    verdict = conclude_run(run)
    print_summary(verdict, run.folder, run.plan)
    config.stash[RECORDER].verdict = verdict


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the gate's own hook."""
    pluginmanager.add_hookspecs(hooks)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let the fixture plugins begin with what takes its time."""
    if RECORDER in session.config.stash:
        preparing = threading.Thread(target=_prepare, args=(session.config,))
        session.config.stash[PREPARING] = preparing
        preparing.start()


def _prepare(config: pytest.Config) -> None:
    run = config.stash[RUN]
    try:
        config.hook.pytest_shipworthy_prepare(
            loaded_target=run.loaded,
            parts=frozenset(part for check in run.plan.checks for part in check.needs),
            shared=Shared(run.workspace),
            journal=run.journal,
            workspace=run.workspace,
            run_id=run.id,
        )
    except ProbeError:
        return  # the first check that asks meets it again, and says so


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close the ledger; where this session is the whole run, let its exit status be the verdict's."""
    recorder = session.config.stash.get(RECORDER, None)
    if recorder is None:
        return
    session.config.stash[PREPARING].join()  # nothing is left half made
    if session.exitstatus in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR}:
        recorder.stopped("it was interrupted")
    recorder.close()
    session.config.stash[CLOSING].close()
    if recorder.verdict:
        session.exitstatus = recorder.verdict["exit_code"]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Undo what configuring began, where the session did not get to its end."""
    closing = config.stash.get(CLOSING, None)
    if closing:
        closing.close()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand checks out in the order of the gate."""
    if RUN in config.stash:
        from shipworthy.scheduling import OrderedScheduling

        return OrderedScheduling(config, log, config.stash[RUN].plan)
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Record what there is to run, as the first worker saw it."""
    recorder = node.config.stash.get(RECORDER, None)
    if recorder:
        recorder.collected(ids)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Record what there is to run."""
    recorder = session.config.stash.get(RECORDER, None)
    if recorder and session.items:
        recorder.collected([item.nodeid for item in session.items])


@pytest.fixture(scope="session")
def shipworthy_run(request: pytest.FixtureRequest) -> Run:
    """The open run."""
    if RUN not in request.config.stash:
        raise pytest.UsageError("checks need a target: pytest --target targets/local.toml")
    return request.config.stash[RUN]


@pytest.fixture(scope="session")
def loaded_target(shipworthy_run: Run) -> LoadedTarget:
    """The target with its variables and secrets."""
    return shipworthy_run.loaded


@pytest.fixture(scope="session")
def target(loaded_target: LoadedTarget) -> Target:
    """The deployment that is judged."""
    return loaded_target.target


@pytest.fixture(scope="session")
def run_id(shipworthy_run: Run) -> str:
    """The run's id: marks what is synthetic."""
    return shipworthy_run.id


@pytest.fixture(scope="session")
def journal(shipworthy_run: Run) -> Journal:
    """Where things are noted before they are made."""
    return shipworthy_run.journal


@pytest.fixture(scope="session")
def workspace(shipworthy_run: Run) -> Path:
    """A folder that all processes of the run share; gone after it."""
    return shipworthy_run.workspace


@pytest.fixture(scope="session")
def shared(workspace: Path) -> Shared:
    """Makes a thing once a run, for all workers."""
    return Shared(workspace)


@pytest.fixture
def findings() -> Findings:
    """Where the check puts what it found; settled after its body."""
    return Findings()


@pytest.fixture
def evidence(request: pytest.FixtureRequest, shipworthy_run: Run) -> Evidence:  # noqa: ARG001  there must be one
    """Where the check leaves what it saw."""
    executor: Executor = request.config.pluginmanager.getplugin("shipworthy-executor")
    return executor.evidence_of(request.node)
