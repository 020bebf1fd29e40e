"""However a run ends, it is never GO by accident, it names the cause and leaves nothing behind."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from shipworthy.ledger import read_ledger
from shipworthy.processes import processes_of
from shipworthy.run import RUN_VARIABLE
from tests.engine.conftest import Gate, Result

STAGES = ("--stage", "alpha", "--stage", "beta")
BEGIN = """
    import os, pathlib, signal, subprocess, sys, time
    def begun():
        pathlib.Path("begun").touch()
"""


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def assert_never_go_and_nothing_left(result: Result, cause: str) -> None:
    assert result.code not in {0, 2}, result.said
    assert result.verdict["verdict"] == "NO-GO"
    assert cause in result.said
    run = result.verdict["run"]
    assert [p.cmdline() for p in processes_of(RUN_VARIABLE, run)] == []
    assert not (Path(tempfile.gettempdir()) / f"shipworthy-{run}").exists()
    assert result.folder
    assert (result.folder / "manifest.json").exists()
    assert "NO-GO" in (result.folder / "report.html").read_text()


def test_a_killed_run_is_never_go(gate: Gate) -> None:
    gate.suite("11_alpha", BEGIN + "    def test_one():\n        begun()\n        time.sleep(60)\n")
    gate.suite("12_beta", "def test_two():\n    assert True\n")
    process = gate.start("run", "small", "-n", "2", *STAGES)
    wait_for(gate.folder / "begun")
    child = next(p for p in psutil.Process(process.pid).children() if "pytest" in " ".join(p.cmdline()))
    child.kill()
    result = gate.finish(process)
    assert_never_go_and_nothing_left(result, "was killed (SIGKILL)")


def test_a_check_that_hangs_is_an_error_and_the_others_go_on(gate: Gate) -> None:
    gate.target("[budgets]\ncheck_s = 1\n")
    gate.suite(
        "11_alpha",
        BEGIN + "    def test_hangs():\n        time.sleep(60)\n    def test_other():\n        pass\n",
    )
    gate.suite("12_beta", "def test_two():\n    assert True\n")
    result = gate.run("run", "small", *STAGES)
    assert_never_go_and_nothing_left(result, "it hung: Timeout (>1.0s)")
    assert result.outcomes == {
        "alpha.module.hangs": "error",
        "alpha.module.other": "passed",
        "beta.module.two": "withheld",
    }


def test_a_check_that_cannot_be_interrupted_is_stopped_with_its_stage(gate: Gate) -> None:
    gate.target("[budgets]\ncheck_s = 1\n[budgets.stages]\nalpha = 4\n")
    gate.suite(
        "11_alpha",
        BEGIN
        + """
    def test_hangs():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM})
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
        while True:
            time.sleep(60)
    """,
    )
    gate.suite("12_beta", "def test_two():\n    assert True\n")
    result = gate.run("run", "small", *STAGES)
    assert_never_go_and_nothing_left(result, "stage alpha was stopped after its 4 s: alpha.module.hangs")


def test_a_worker_that_dies_is_an_error_of_its_check(gate: Gate) -> None:
    gate.suite(
        "11_alpha",
        BEGIN
        + "    def test_dies():\n        os._exit(3)\n"
        + "".join(f"    def test_other_{n}():\n        time.sleep(0.1)\n" for n in range(6)),
    )
    gate.suite("12_beta", "def test_two():\n    assert True\n")
    for workers in ("1", "2", "3", "8"):
        result = gate.run("run", "small", "-n", workers, *STAGES)
        assert_never_go_and_nothing_left(result, "the worker process died while it ran")
        outcomes = result.outcomes
        assert outcomes.pop("alpha.module.dies") == "error"
        assert outcomes.pop("beta.module.two") == "withheld"
        assert set(outcomes.values()) == {"passed"}
        assert len(outcomes) == 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_its_records(gate: Gate, number: signal.Signals) -> None:
    gate.suite("11_alpha", "def test_first():\n    assert True\n")
    gate.suite("12_beta", BEGIN + "    def test_second():\n        begun()\n        time.sleep(60)\n")
    process = gate.start("run", "small", "-n", "2", *STAGES)
    wait_for(gate.folder / "begun")
    process.send_signal(number)
    result = gate.finish(process)
    assert_never_go_and_nothing_left(result, "it was interrupted")
    assert result.outcomes["alpha.module.first"] == "passed"


def test_a_gate_that_is_killed_itself_leaves_no_verdict_and_no_process(gate: Gate) -> None:
    gate.suite("11_alpha", BEGIN + "    def test_one():\n        begun()\n        time.sleep(60)\n")
    process = gate.start("run", "small", "-n", "1", "--stage", "alpha")
    wait_for(gate.folder / "begun")
    run = gate.last_run()
    assert run
    process.kill()
    process.wait()
    identity = json.loads((run / "plan.json").read_text())["run"]
    assert not (run / "verdict.json").exists()
    verified = gate.run("verify", str(run))
    assert (verified.code, "verdict.json" in verified.said) == (2, True)
    swept = gate.run("sweep", "small")
    assert "1 abandoned run swept, 0 of them with something left" in swept.said
    assert swept.code == 0
    assert [p.cmdline() for p in processes_of(RUN_VARIABLE, identity)] == []


def test_a_plan_without_checks_is_no_go(gate: Gate) -> None:
    gate.suite("11_alpha", "from shipworthy import needs\n@needs('web')\ndef test_web():\n    assert True\n")
    result = gate.run("run", "small", "--stage", "alpha")
    assert_never_go_and_nothing_left(result, "the plan has no checks: nothing was shown")


def test_a_suite_that_cannot_be_imported_is_no_go_and_is_named(gate: Gate) -> None:
    gate.suite("11_alpha", "import a_module_that_is_not_there\ndef test_one():\n    assert True\n")
    result = gate.run("run", "small", "--stage", "alpha")
    assert_never_go_and_nothing_left(result, "a_module_that_is_not_there")


def test_a_deselected_check_is_missing_and_blocks(gate: Gate) -> None:
    gate.suite("11_alpha", "def test_one():\n    assert True\ndef test_two():\n    assert True\n")
    conftest = gate.folder / "suites" / "conftest.py"
    conftest.write_text("def pytest_collection_modifyitems(items):\n    del items[-1]\n")
    result = gate.run("run", "small", "--stage", "alpha")
    assert_never_go_and_nothing_left(result, "did not run")


def test_a_record_that_is_changed_afterwards_does_not_verify(gate: Gate) -> None:
    gate.suite("11_alpha", "def test_one():\n    assert False\n")
    result = gate.run("run", "small", "--stage", "alpha")
    assert result.folder
    ledger = result.folder / "ledger.jsonl"
    assert len(read_ledger(ledger)) > 3
    ledger.write_text(ledger.read_text().replace('"outcome":"failed"', '"outcome":"passed"'))
    verified = gate.run("verify", "small")
    assert verified.code == 2
    assert "the ledger was changed" in verified.said


def test_a_verdict_that_is_changed_afterwards_does_not_verify(gate: Gate) -> None:
    gate.suite("11_alpha", "def test_one():\n    assert False\n")
    result = gate.run("run", "small", "--stage", "alpha")
    assert result.folder
    stored = result.folder / "verdict.json"
    stored.write_text(stored.read_text().replace("NO-GO", "GO"))
    verified = gate.run("verify", "small")
    assert verified.code == 1
    assert "verdict.json does not follow from plan and ledger" in verified.said


def test_five_mistakes_of_a_target_file_are_told_at_once(gate: Gate) -> None:
    (gate.folder / "targets" / "small.toml").write_text(
        'name = "Small!"\nwrites = "some"\ncolour = "red"\n'
        '[supabase]\nurl = "ftp://x"\nanon_key = "${NOT_SET_ANYWHERE}"\n'
    )
    result = gate.run("run", "small")
    assert result.code == 2
    assert result.folder is None
    for key in ("name", "writes", "colour", "supabase.url", "supabase.service_role_key", "NOT_SET_ANYWHERE"):
        assert key in result.said


def test_a_taken_port_is_named_and_nothing_stays(tmp_path: Path) -> None:
    import socket
    import subprocess
    import sys

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        argv = [
            sys.executable,
            "-m",
            "fixtures.reference",
            "serve",
            "--state",
            str(tmp_path),
            "--port",
            f"web={port}",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, input="")
    assert done.returncode == 1
    assert f"web: port {port} of 127.0.0.1 is taken" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_deployment_that_is_killed_leaves_no_process() -> None:
    from shipworthy.house import HOUSE
    from shipworthy.reference import STATE_VARIABLE, reference_running

    with reference_running(HOUSE / "targets" / "local.toml", None, say=lambda _: None) as env:
        assert env
        state = env.parent
        serve = next(
            p for p in processes_of(STATE_VARIABLE, str(state)) if "fixtures.reference" in p.cmdline()
        )
        serve.kill()
        serve.wait()
    assert list(processes_of(STATE_VARIABLE, str(state))) == []
    commands = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    assert [command for command in commands if str(state) in command] == []
    assert not state.exists()
