"""Candidate and live are asked the same in turn, and what came back is judged and drawn."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from shipworthy.probes.inference import ChatEndpoint
from shipworthy.probes.inference.regression import (
    FIGURES,
    Block,
    Interleaved,
    Load,
    Margins,
    Timed,
    draw_comparison,
    judge_against_live,
    measure_interleaved,
)
from shipworthy.probes.inference.regression.interleaved import CANDIDATE, LIVE, plan_of, shuffled

LOAD = Load(answers=4, callers=4, max_tokens=3)
ENDPOINTS = tuple(ChatEndpoint(name, f"http://{name}/v1", "m") for name in ("candidate", "live"))


def measure(candidate: ChatEndpoint, live: ChatEndpoint, **options) -> Interleaved:
    given = {"blocks": 8, "load": LOAD, "prompt": str, "margins": Margins(), "seed": "s", **options}
    return measure_interleaved(candidate, live, **given)


def block(candidate_s: float, live_s: float, miss: str | None = None) -> Block:
    ours, theirs = (Timed(s, s / 10, s / 2) for s in (candidate_s, live_s))
    return Block(True, (ours,) * 4, (Timed(None, None, None, miss),) * 4 if miss else (theirs,) * 4)


def judged(*blocks: Block, invalid: str | None = None, margins: Margins | None = None):
    return judge_against_live(Interleaved(LOAD, blocks, len(blocks), invalid), margins or Margins())


@pytest.mark.parametrize("blocks", [8, 9, 24])
def test_either_arm_is_first_in_half_of_the_blocks(blocks: int) -> None:
    orders = {tuple(shuffled(blocks, random.Random(seed))) for seed in range(20)}
    assert all(abs(2 * sum(order) - blocks) <= blocks % 2 for order in orders)
    assert len(orders) > 1


def test_both_arms_are_asked_the_same_texts_each_after_the_other() -> None:
    plan = plan_of(ENDPOINTS, [True, False], LOAD, str)
    halves = [phase for phase in plan.phases if phase.counts]
    assert [phase.requests[0].endpoint for phase in halves] == [CANDIDATE, LIVE, LIVE, CANDIDATE]
    texts = [
        [json.loads(request.body)["messages"][0]["content"] for request in phase.requests] for phase in halves
    ]
    assert texts == [list("0123")] * 2 + [list("4567")] * 2
    assert {phase.requests[0].endpoint for phase in plan.phases if not phase.counts} == {CANDIDATE, LIVE}


def test_every_block_comes_back_with_all_answers_of_both(start) -> None:
    measured = measure(start(), start(), margins=Margins(fails_above=1000, passes_below=1001))
    assert len(measured.blocks) == measured.first == 8
    assert all(len(arm) == 4 for block in measured.blocks for arm in (block.candidate, block.live))
    answers = [answer for block in measured.blocks for answer in (*block.candidate, *block.live)]
    assert not [answer.miss for answer in answers if answer.miss]
    assert all(answer.ttft_s > 0 and answer.tpot_s is not None for answer in answers)
    assert Interleaved.from_json(json.loads(json.dumps(measured.as_json()))) == measured


def test_what_is_unclear_is_extended_once_and_not_without_end(start) -> None:
    measured = measure(start(), start(), margins=Margins(fails_above=1000, passes_below=-0.999))
    assert (measured.first, len(measured.blocks)) == (8, 48)


def test_a_candidate_that_turns_requests_away_is_found_by_its_misses(start) -> None:
    measured = measure(start(slots=1, queue=0), start())
    assert "inference.instant, answers that came whole" in [
        finding.subject for finding in judge_against_live(measured, Margins()).findings
    ]


def test_a_live_endpoint_that_refuses_leaves_nothing_to_compare_with(start) -> None:
    measured = measure(start(), replace(start(), key="another"))
    judgement = judge_against_live(measured, Margins())
    assert not judgement.findings
    assert (
        "32 of 32 answers of the live endpoint did not come whole; live's first: HTTP 401"
        in judgement.unclear
    )
    assert len(measured.blocks) == 8


def test_a_worse_candidate_is_found_with_both_figures_and_a_remedy() -> None:
    findings = judged(*[block(0.3, 0.2)] * 8).findings
    assert [finding.subject for finding in findings] == [f"inference.instant, {f.name}" for f in FIGURES]
    assert findings[0].saw.startswith(
        "50% slower than live, 50% at least: 300.0 ms against 200.0 ms (8 pairs"
    )
    assert findings[0].want == "for sure not more than 5% slower than live"
    assert all("ratios.svg" in finding.fix for finding in findings)


def test_what_is_between_the_limits_says_what_would_tell() -> None:
    unclear = judged(*[block(0.2 * (1.3 if n % 2 else 0.9), 0.2) for n in range(12)]).unclear
    assert unclear.startswith("inconclusive after 12 pairs of blocks: TTFT p50 108% live's, between ")
    assert "at most 115% passes; baseline.blocks = " in unclear


def test_a_meter_that_was_late_takes_away_good_news_only() -> None:
    late = "the measurement is invalid"
    assert judged(*[block(0.2, 0.2)] * 8, invalid=late).unclear == late
    assert judged(*[block(0.3, 0.2)] * 8, invalid=late).findings


def test_other_margins_judge_the_same_blocks_otherwise() -> None:
    blocks = [block(0.22, 0.2)] * 8
    assert judged(*blocks).findings
    assert not judged(*blocks, margins=Margins(fails_above=0.2, passes_below=0.3)).findings


def test_the_picture_has_a_lane_for_each_figure_and_a_dot_for_each_block() -> None:
    picture = draw_comparison([block(0.3, 0.2)] * 8, Margins())
    assert picture
    parts = list(ET.fromstring(picture).iter())
    classes = [part.get("class") for part in parts]
    assert classes.count("faint") == 8 * len(FIGURES)
    bars = [part for part in parts if part.tag.endswith("rect") and part.get("class") == "bad"]
    assert len(bars) == len(FIGURES)
    texts = [part.text for part in parts]
    assert {figure.name for figure in FIGURES} <= set(texts)
    assert any("surely 1.500 to 1.500" in (text or "") for text in texts)


def test_there_is_no_picture_of_too_little() -> None:
    assert draw_comparison([block(0.2, 0.2, miss="HTTP 500")] * 8, Margins()) is None
