"""Without a live twin a run is held against earlier ones, by how much those differ."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from fixtures.reference.services.inference.app import make_app
from shipworthy.probes.inference.regression import (
    FIGURES,
    RunFigures,
    Timed,
    figures_of,
    judge_against_earlier,
    read_earlier,
)
from shipworthy.probes.inference.regression.earlier import MOST
from tests.faults.judging import judge
from tests.inference.conftest import KEY, settings
from tests.serving import serving

LOAD = {"model": "m", "load": "4 at a time", "mix": "32 in, 16 out"}
WHERE = Path("stages/inference/check/figures.json")
CHECK = "inference.regression.no_figure_is_worse_than_in_earlier_runs"


def run(level: float = 1.0, **slower: float) -> RunFigures:
    """A run whose figures lie at this level; some are slower still."""
    figures = {f.name: 0.1 * level * slower.get(f.time.removesuffix("_s"), 1) for f in FIGURES}
    return RunFigures(LOAD, 130, figures)


def earlier_runs(count: int = 8, noise: float = 0.02, seed: int = 3) -> list[RunFigures]:
    rng = random.Random(seed)
    return [run(math.exp(rng.gauss(0, noise))) for _ in range(count)]


def keep(folder: Path, name: str, figures: RunFigures, verdict: str = "GO") -> None:
    file = folder / name / WHERE
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(figures.as_json()))
    (folder / name / "verdict.json").write_text(json.dumps({"verdict": verdict}))


def test_a_run_like_the_earlier_ones_holds_and_says_what_would_show() -> None:
    judged = judge_against_earlier(run(1.01), earlier_runs(), demanded=False)
    assert not judged.findings
    assert judged.unclear is None
    assert len(judged.measures) == len(FIGURES)
    assert "so much do 8 earlier runs differ that only this shows as slower: TTFT p50 +" in judged.notes[0]


@pytest.mark.parametrize(("slower", "figures"), [("ttft", "TTFT"), ("tpot", "TPOT"), ("gap", "largest gap")])
def test_a_slower_run_is_found_by_its_figures(slower: str, figures: str) -> None:
    judged = judge_against_earlier(run(**{slower: 1.5}), earlier_runs(), demanded=False)
    assert [finding.subject for finding in judged.findings] == [
        f"inference.instant, {figures} p50",
        f"inference.instant, {figures} p90",
    ]
    assert "150.0 ms; the mean of 8 earlier runs is" in judged.findings[0].saw


def test_what_is_within_the_spread_of_the_runs_is_no_finding() -> None:
    assert not judge_against_earlier(run(1.3), earlier_runs(noise=0.25), demanded=False).findings


def test_too_few_runs_are_a_note_unless_they_are_demanded() -> None:
    lenient = judge_against_earlier(run(9.0), earlier_runs(7), demanded=False)
    strict = judge_against_earlier(run(9.0), earlier_runs(7), demanded=True)
    assert (lenient.findings, lenient.unclear) == ((), None)
    assert "compared with nothing: 7 earlier runs" in lenient.notes[0]
    assert strict.unclear
    assert "8 are needed" in strict.unclear


def test_runs_that_do_not_differ_at_all_still_leave_the_margin() -> None:
    same = [run() for _ in range(8)]
    assert not judge_against_earlier(run(1.04), same, demanded=False).findings
    assert judge_against_earlier(run(1.06), same, demanded=False).findings


def test_only_runs_that_were_go_and_of_the_same_load_are_read_the_latest_first(tmp_path: Path) -> None:
    keep(tmp_path, "20260101T000000-a", run(1))
    keep(tmp_path, "20260102T000000-b", run(2), verdict="NO-GO")
    keep(tmp_path, "20260103T000000-c", RunFigures({**LOAD, "load": "8 at a time"}, 130, run().figures))
    keep(tmp_path, "20260104T000000-d", run(4))
    keep(tmp_path, "20260105T000000-now", run(5))
    (tmp_path / "20260106T000000-broken" / WHERE.parent).mkdir(parents=True)
    (tmp_path / "20260106T000000-broken" / "verdict.json").write_text('{"verdict": "GO"}')
    (tmp_path / "20260106T000000-broken" / WHERE).write_text('{"figures": []}')
    found = read_earlier(tmp_path / "20260105T000000-now", WHERE, LOAD)
    assert found == [run(4), run(1)]


def test_no_more_runs_are_read_than_say_something_of_today(tmp_path: Path) -> None:
    for number in range(MOST + 5):
        keep(tmp_path, f"{number:03}", run(number + 1))
    found = read_earlier(tmp_path / "now", WHERE, LOAD)
    assert found == [run(number + 1) for number in reversed(range(5, MOST + 5))]


def test_answers_that_did_not_come_whole_make_a_run_slower_not_faster() -> None:
    whole = [Timed(0.1 + n / 1000, 0.01, 0.02) for n in range(20)]
    missed = [Timed(None, None, None, "HTTP 500")] * 20
    assert figures_of(whole + missed, LOAD).figures["TTFT p90"] == pytest.approx(0.119)
    with pytest.raises(ValueError, match="none of 20 answers came whole: HTTP 500"):
        figures_of(missed, LOAD)


def test_the_check_finds_a_slower_run_in_its_own_history(tmp_path: Path) -> None:
    """Eight runs at full speed are made up in the folder, then a real one is slow against them."""
    history = tmp_path / "runs" / "small"
    file = Path("stages/inference/regression.no_figure_is_worse_than_in_earlier_runs/figures.json")
    load = {"model": "instant-1", "load": "4 at a time", "mix": "32 in, 16 out, weight 1"}
    rng = random.Random(5)
    for number in range(8):
        level = math.exp(rng.gauss(0, 0.01))
        folder = history / f"20260101T00000{number}"
        (folder / file).parent.mkdir(parents=True)
        figures = {figure.name: 0.02 * level for figure in FIGURES}
        (folder / file).write_text(json.dumps(RunFigures(load, 130, figures).as_json()))
        (folder / "verdict.json").write_text('{"verdict": "GO"}')
    with serving(make_app(settings(ttft_ms=100))) as url:
        (tmp_path / "targets").mkdir()
        (tmp_path / "targets" / "small.toml").write_text(
            f'name = "small"\n[inference.instant]\nurl = "{url}/v1"\nmodel = "instant-1"\n'
            f'api_key = "{KEY}"\nearlier_runs = "demand"\n'
        )
        judgement = judge(tmp_path, "small", "-n", "0", "--check", CHECK)
    record = judgement.of(CHECK)
    assert record["outcome"] == "failed", judgement.said
    assert [f["subject"] for f in record["findings"]] == [
        "inference.instant, TTFT p50",
        "inference.instant, TTFT p90",
    ]
