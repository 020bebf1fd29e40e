"""What becomes of a check, and what that means for the version."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.engine.conftest import Gate

EVERY_OUTCOME = """
    import pytest
    from shipworthy import ProbeError

    def test_holds(findings):
        '''All numbers are numbers.'''
        for number in findings.over([1, 2], "numbers"):
            assert number

    def test_finds(findings):
        '''No table is bad.

        Why: bad tables lose rows.
        Fix: mend the table.
        '''
        for table in findings.over(["a", "b"], "tables"):
            findings.add(table, saw="it is bad", want="it is good", fix=f"alter table {table} mend")

    def test_asserts():
        '''One is two.'''
        assert 1 == 2, "one is one"

    def test_cannot_look():
        '''The part answers.'''
        raise ProbeError("https://part: connection refused")

    def test_breaks():
        '''The check itself is sound.'''
        {}["missing"]

    def test_skips():
        '''Nothing is skipped.'''
        pytest.skip("not today")

    def test_finds_nothing_to_look_at(findings):
        '''Every table is good.'''
        for _ in findings.over([], "exposed tables"):
            pass

    def test_counts_nothing(findings):
        '''Something is looked at.'''
"""


def test_every_outcome_but_passed_blocks_and_says_why(gate: Gate) -> None:
    gate.suite("11_alpha", EVERY_OUTCOME)
    result = gate.run("run", "small", "--stage", "alpha")
    assert result.code == 1
    assert result.outcomes == {
        "alpha.module.holds": "passed",
        "alpha.module.finds": "failed",
        "alpha.module.asserts": "failed",
        "alpha.module.cannot_look": "unverified",
        "alpha.module.breaks": "error",
        "alpha.module.skips": "error",
        "alpha.module.finds_nothing_to_look_at": "failed",
        "alpha.module.counts_nothing": "failed",
    }
    for text in (
        "alter table a mend",
        "alter table b mend",
        "one is one",
        "https://part: connection refused",
        "KeyError",
        "it skipped itself",
        "the check found no exposed tables",
        "run again: shipworthy run small --check alpha.module.finds",
    ):
        assert text in result.said


def test_what_is_in_the_way_of_many_is_said_once(gate: Gate) -> None:
    checks = "".join(f"def test_{name}():\n    raise ProbeError('no database')\n" for name in "abc")
    gate.suite("11_alpha", f"from shipworthy import ProbeError\n{checks}")
    summary = gate.run("run", "small", "--stage", "alpha").said.partition("NO-GO")[2]
    assert summary.count("no database") == 1
    assert "for the same reason:  alpha.module.b  alpha.module.c" in summary


def test_later_stages_are_withheld(gate: Gate) -> None:
    gate.suite("11_alpha", "def test_holds():\n    assert True\ndef test_fails():\n    assert not True\n")
    gate.suite("12_beta", "def test_b():\n    assert True\n")
    gate.suite("13_gamma", "def test_c():\n    assert True\n")
    for workers in ("0", "1", "3"):
        result = gate.run(
            *("run", "small", "-n", workers), *("--stage", "alpha", "--stage", "beta", "--stage", "gamma")
        )
        assert result.code == 1
        assert result.outcomes == {
            "alpha.module.holds": "passed",
            "alpha.module.fails": "failed",
            "beta.module.b": "withheld",
            "gamma.module.c": "withheld",
        }


def test_a_stage_begins_when_the_one_before_it_is_recorded(gate: Gate) -> None:
    gate.suite(
        "11_alpha",
        """
        import pathlib, time
        def test_slow():
            time.sleep(1.0)
            pathlib.Path("mark").touch()
        """,
    )
    gate.suite("12_beta", "import pathlib\ndef test_after():\n    assert pathlib.Path('mark').exists()\n")
    result = gate.run("run", "small", "-n", "2", "--stage", "alpha", "--stage", "beta")
    assert (result.code, result.outcomes["beta.module.after"]) == (0, "passed"), result.said


def test_a_lone_check_has_no_other_beside_it(gate: Gate) -> None:
    gate.suite(
        "11_alpha",
        """
        import pathlib, time
        from shipworthy import alone
        @alone
        def test_first():
            assert not list(pathlib.Path().glob("busy-*"))
        """
        + "".join(
            f"""
        def test_busy_{number}():
            mark = pathlib.Path("busy-{number}")
            mark.touch()
            time.sleep(0.4)
            mark.unlink()
        """
            for number in range(4)
        ),
    )
    result = gate.run("run", "small", "-n", "3", "--stage", "alpha")
    assert result.code == 0, result.said
    assert list(result.outcomes)[-1] == "alpha.module.first"


ALONE_WITH_PARTS = """
    import pathlib, time
    from shipworthy import alone, alone_with

    def meet(mine, other):
        pathlib.Path(mine).touch()
        until = time.monotonic() + 20
        while not pathlib.Path(other).exists():
            assert time.monotonic() < until, f"{other} did not begin"
            time.sleep(0.01)
        pathlib.Path(f"{mine}-over").touch()

    @alone
    def test_everything():
        assert len(list(pathlib.Path().glob("*-over"))) == 3
    @alone_with("web")
    def test_web():
        assert pathlib.Path("others-over").exists()
        meet("web", "database")
    @alone_with("web")
    def test_web_again():
        assert pathlib.Path("web-over").exists()
    @alone_with("database")
    def test_database():
        assert pathlib.Path("others-over").exists()
        meet("database", "web")
    def test_others():
        time.sleep(0.4)
        pathlib.Path("others-over").touch()
"""


def test_checks_that_are_alone_with_different_parts_run_beside_one_another(gate: Gate) -> None:
    gate.suite("11_alpha", ALONE_WITH_PARTS)
    result = gate.run("run", "small", "-n", "2", "--stage", "alpha")
    assert result.code == 0, result.said
    assert list(result.outcomes)[-1] == "alpha.module.everything"


def test_a_live_waiver_waives_and_an_expired_one_does_not(gate: Gate) -> None:
    waiver = """
    [[waivers]]
    check = "alpha.module.finds"
    subject = "public.plans"
    owner = "data-team"
    reason = "price list is public"
    expires = {}
    """
    source = """
        def test_finds(findings):
            findings.looked_at(1, "tables")
            findings.add("public.plans", saw="open", want="closed", fix="close it")
    """
    gate.suite("11_alpha", source)
    gate.target(waiver.format("2999-01-01"))
    result = gate.run("run", "small", "--stage", "alpha")
    assert (result.code, result.outcomes) == (0, {"alpha.module.finds": "waived"})
    gate.target(waiver.format("2020-01-01"))
    result = gate.run("run", "small", "--stage", "alpha")
    assert (result.code, result.outcomes) == (1, {"alpha.module.finds": "failed"})
    assert "the waiver of data-team for public.plans expired on 2020-01-01" in result.said


def test_a_waiver_of_one_finding_does_not_cover_another(gate: Gate) -> None:
    gate.suite(
        "11_alpha",
        """
        def test_finds(findings):
            for table in findings.over(["public.plans", "public.users"], "tables"):
                findings.add(table, saw="open", want="closed", fix="close it")
        """,
    )
    gate.target(
        """
        [[waivers]]
        check = "alpha.module.finds"
        subject = "public.plans"
        owner = "data-team"
        reason = "price list is public"
        expires = 2999-01-01
        """
    )
    result = gate.run("run", "small", "--stage", "alpha")
    assert (result.code, result.outcomes) == (1, {"alpha.module.finds": "failed"})


def test_a_check_that_held_only_when_tried_again_is_flaky(gate: Gate) -> None:
    gate.target("[retries.stages]\nalpha = 2\n")
    gate.suite(
        "11_alpha",
        """
        import pathlib
        def test_second_time(tmp_path_factory):
            mark = pathlib.Path("tried")
            first = not mark.exists()
            mark.touch()
            assert not first, "the first time fails"
        def test_never():
            assert False, "never"
        """,
    )
    result = gate.run("run", "small", "--stage", "alpha")
    assert result.code == 1
    assert result.verdict["flaky"] == ["alpha.module.second_time"]
    assert result.folder
    attempts = [json.loads(line) for line in (result.folder / "ledger.jsonl").read_text().splitlines()]
    never = [e["attempt"] for e in attempts if e["event"] == "check" and e["check"] == "alpha.module.never"]
    assert never == [1, 2, 3]


def test_a_part_that_is_not_declared_is_not_in_the_plan(gate: Gate) -> None:
    gate.suite(
        "11_alpha",
        """
        from shipworthy import mutates, needs
        @needs("web")
        def test_web(): assert False
        @mutates
        def test_writes(): assert False
        def test_always(): assert True
        """,
    )
    result = gate.run("run", "small", "--stage", "alpha")
    assert (result.code, result.outcomes) == (0, {"alpha.module.always": "passed"})
    assert result.folder
    assert json.loads((result.folder / "plan.json").read_text())["unmet"] == {
        "alpha.module.web": "the target does not declare web",
        "alpha.module.writes": 'it writes, and the target says writes = "none"',
    }


def test_parametrized_checks_owe_every_variant(gate: Gate) -> None:
    gate.suite(
        "11_alpha",
        """
        import pytest
        @pytest.mark.parametrize("number", [1, 2, 3])
        def test_small(number):
            assert number < 3
        """,
    )
    result = gate.run("run", "small", "--stage", "alpha")
    assert result.code == 1
    assert [record["check"] for record in result.verdict["blocking"]] == ["alpha.module.small"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_plain_pytest_gives_the_same_verdict(gate: Gate, workers: str) -> None:
    gate.suite("11_alpha", EVERY_OUTCOME)
    command = [
        *(sys.executable, "-m", "pytest", "suites", "-n", workers),
        *("--target", "targets/small.toml", "--stage", "alpha"),
    ]
    done = subprocess.run(
        command,
        cwd=gate.folder,
        env=gate.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    run = gate.last_run()
    assert run, done.stdout + done.stderr
    plain = json.loads((run / "verdict.json").read_text())
    supervised = gate.run("run", "small", "--stage", "alpha")
    assert done.returncode == supervised.code == 1
    assert plain["counts"] == supervised.verdict["counts"]
    assert plain["reason"] == supervised.verdict["reason"]


def test_a_first_run_leaves_the_working_tree_clean(gate: Gate) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
        return subprocess.run(command, cwd=gate.folder, capture_output=True, text=True, check=True).stdout

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "all there is")
    for _ in range(2):
        result = gate.run("run", "small", "--stage", "preflight")
        assert (result.code, git("status", "--porcelain")) == (0, ""), result.said
    assert result.outcomes["preflight.revision.tree_and_revision_are_known"] == "passed"


PREPARES = """
    def pytest_shipworthy_prepare(shared, parts, workspace):
        (workspace / "begun").write_text(" ".join(sorted(parts)))
        shared("server", lambda: {"started_by": "the hook"})
"""
USES_WHAT_IS_PREPARED = """
    import time
    from shipworthy import needs

    @needs("web")
    def test_the_server_was_started_ahead(shared, workspace):
        '''What takes its time was begun by the hook.'''
        until = time.monotonic() + 20
        while not (workspace / "begun").exists():
            assert time.monotonic() < until, "the hook was not called"
            time.sleep(0.01)
        assert (workspace / "begun").read_text() == "web"
        assert shared("server", lambda: {"started_by": "the check"}) == {"started_by": "the hook"}
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_fixture_plugin_prepares_ahead_of_the_checks(gate: Gate, workers: str) -> None:
    gate.target('[web]\nurl = "http://127.0.0.1:9"')
    gate.suite("", PREPARES, module="conftest.py")
    gate.suite("11_alpha", USES_WHAT_IS_PREPARED)
    result = gate.run("run", "small", "--stage", "alpha", "-n", workers)
    assert result.outcomes == {"alpha.module.the_server_was_started_ahead": "passed"}, result.said


def test_a_partial_run_imports_the_modules_of_its_checks_only(gate: Gate) -> None:
    gate.suite("11_alpha", "def test_holds():\n    assert True\n")
    gate.suite("11_alpha", "import no_such_module\ndef test_b():\n    assert True\n", module="test_broken.py")
    part = gate.run("run", "small", "--check", "alpha.module.holds", "-n", "0")
    assert (part.code, part.outcomes) == (0, {"alpha.module.holds": "passed"}), part.said
    whole = gate.run("run", "small", "--stage", "alpha", "-n", "0")
    assert whole.code == 1
    assert "no_such_module" in whole.said
