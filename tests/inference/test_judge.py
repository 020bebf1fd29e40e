"""``shipworthy judge``: other limits, the same observations, and nothing is changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipworthy.cli import main
from tests.faults.endpoints import deployed
from tests.faults.judging import judge as run_the_gate

LIVE = "inference.regression.no_figure_is_worse_than_live"
LATENCY = "inference.latency.answers_keep_every_limit"
FIRST_TOKENS = "inference.latency.first_tokens_come_in_time"
BASELINE = "inference.instant.baseline"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run of the checks of speed; the endpoints are gone again."""
    folder = tmp_path_factory.mktemp("judged")
    with deployed(folder, None) as target:
        words = [word for check in (LIVE, LATENCY, FIRST_TOKENS) for word in ("--check", check)]
        judgement = run_the_gate(folder, target, "-n", "0", *words)
    assert judgement.verdict["verdict"] == "GO", judgement.said
    return folder


@pytest.fixture
def said(folder: Path, monkeypatch, capsys) -> Iterator:
    """Judge the run again: words in, exit code and what was printed out."""
    monkeypatch.chdir(folder)
    (folder / ".env").unlink(missing_ok=True)

    def judge(*words: str, run: str = "endpoints") -> tuple[int, str]:
        code = main(["judge", run, "--reports", str(folder), *words])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return judge


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_limits_give_the_same_judgement_without_any_endpoint_or_variable(said, folder):
    before = digests(folder / "runs")
    code, text = said()
    assert code == 0, text
    assert f"{LIVE}  was passed, would be passed" in text
    assert "TTFT p50 against live, surely at most" in text
    assert f"{FIRST_TOKENS}  was passed, would be passed" in text
    assert "inference.latency.tokens_come_at_the_promised_rate  was not owed, would be passed" in text
    assert "0 would not hold; nothing was changed" in text
    assert digests(folder / "runs") == before


def test_a_stricter_limit_shows_beside_the_one_that_was(said):
    code, text = said("--set", f"{BASELINE}.passes_below=0.0001", "--set", f"{BASELINE}.fails_above=0")
    assert code == 1, text
    assert "was passed, would be unverified" in text
    assert "(the limit was 1.15)" in text
    assert f"{BASELINE}.passes_below = 0.0001" in text


def test_an_old_measurement_is_held_to_a_new_limit(said):
    code, text = said("--set", "inference.instant.ttft_p95_ms=30", "--check", FIRST_TOKENS)
    assert code == 1, text
    assert f"{FIRST_TOKENS}  was passed, would be failed" in text
    assert "ms <= 30 (n=" in text
    assert "(the limit was 400)" in text
    assert "saw: 0 of " in text
    assert "1 check judged again, 1 would not hold" in text


def test_a_promise_that_is_new_is_judged_by_what_was_measured_for_others(said):
    stall = "inference.latency.answers_do_not_stall"
    code, text = said("--set", "inference.instant.latency.gap_ms=200", "--check", stall)
    assert code == 0, text
    assert f"{stall}  was not owed, would be passed" in text


def test_a_run_is_found_by_its_id_and_by_its_folder(said, folder):
    (run,) = (folder / "runs" / "endpoints").glob("*-*")
    assert said(run=str(run))[0] == said(run=run.name.rpartition("-")[2])[0] == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--set", "inference.instant.ttft_p95"), "write KEY=VALUE"),
        (("--set", "inference.instant.tftt_p95_ms=3"), "did you mean ttft_p95_ms?"),
        (("--set", f"{BASELINE}.passes_below=much"), f"{BASELINE}.passes_below"),
        (("--set", "name.of=1"), "name is no table"),
        (("--check", "inference.regression.none"), "there is no check"),
        (("--target", "nobody"), "there is no"),
        (
            ("--check", "inference.catalogue.endpoints_list_exactly_the_promised_models"),
            "nothing that can be",
        ),
    ],
)
def test_what_cannot_be_judged_says_why(said, words, reason):
    code, text = said(*words)
    assert code == 2, text
    assert reason in text


def test_there_is_no_judging_what_was_changed_since(said, folder):
    (blocks,) = folder.rglob("blocks.json")
    kept = blocks.read_text()
    changed = json.loads(kept)
    changed["blocks"] = changed["blocks"][:10]
    blocks.write_text(json.dumps(changed))
    try:
        code, text = said()
    finally:
        blocks.write_text(kept)
    assert code == 2
    assert "is not as its run left it" in text
    assert "blocks.json: changed" in text


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["judge", "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "shipworthy judge staging --set inference.instant.ttft_p95_ms=300" in text
    assert "measures nothing and changes nothing" in text
    assert "exit codes: 0 every one would hold" in text
