"""The regression gate's statistics: what is called worse is worse, and what is alike passes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.probes.inference.regression import FIGURES, Block, Timed, Verdict, compare, extension
from shipworthy.probes.inference.regression.estimate import estimate
from shipworthy.probes.inference.regression.student import above, quantile_above
from shipworthy.probes.inference.regression.verdict import holm_levels

Answer = Callable[[random.Random], Timed]
TABLED = [(1, 0.05, 6.3138), (2, 0.025, 4.3027), (10, 0.005, 3.1693), (19, 0.05, 1.7291), (30, 5e-4, 3.6460)]
"""Degrees of freedom, chance, quantile: as printed in the tables of textbooks."""
TTFT_P50, TTFT_P90, TPOT_P50, TPOT_P90, GAP_P50, GAP_P90 = (figure.name for figure in FIGURES)


def answer(
    rng: random.Random, *, ttft: float = 1, tpot: float = 1, gap: float = 1, noise: float = 0.1
) -> Timed:
    return Timed(
        0.3 * ttft * math.exp(rng.gauss(0, noise)),
        0.02 * tpot * math.exp(rng.gauss(0, noise / 2)),
        0.05 * gap * math.exp(rng.gauss(0, noise)),
    )


def missing(_: random.Random) -> Timed:
    return Timed(None, None, None, "HTTP 500")


def measured(
    candidate: Answer = answer, live: Answer = answer, *, blocks: int = 24, seed: int = 7
) -> list[Block]:
    """Blocks of eight answers; each block has a level of its own that both arms share."""
    rng = random.Random(seed)

    def arm(make: Answer, level: float) -> tuple[Timed, ...]:
        answers = (make(rng) for _ in range(8))
        return tuple(
            a if a.miss else Timed(a.ttft_s * level, a.tpot_s * level, a.gap_s * level) for a in answers
        )

    levels = [math.exp(rng.gauss(0, 0.5)) for _ in range(blocks)]
    return [Block(bool(n % 2), arm(candidate, level), arm(live, level)) for n, level in enumerate(levels)]


def verdicts(blocks: list[Block]) -> dict[str, Verdict]:
    return {compared.figure: compared.verdict for compared in compare(blocks).figures}


@pytest.mark.parametrize(("df", "chance", "quantile"), TABLED)
def test_students_t_is_as_tabled(df: int, chance: float, quantile: float) -> None:
    assert quantile_above(chance, df) == pytest.approx(quantile, abs=6e-5)
    assert above(quantile, df) == pytest.approx(chance, rel=1e-3)
    assert above(-quantile, df) == pytest.approx(1 - above(quantile, df))


@given(st.lists(st.floats(-5, 5), min_size=8, max_size=60), st.floats(-3, 3))
def test_an_estimate_moves_with_its_observations(values: list[float], shift: float) -> None:
    found, moved = estimate(values), estimate([value + shift for value in values])
    assert min(values) - 1e-9 <= found.mean <= max(values) + 1e-9
    assert moved.mean == pytest.approx(found.mean + shift, abs=1e-6)
    assert moved.error == pytest.approx(found.error, abs=1e-6)
    assert found.low(0.01) <= found.mean <= found.high(0.01)


def test_one_wild_block_does_not_move_the_estimate() -> None:
    calm = [math.sin(n) / 100 for n in range(24)]
    wild = [*calm[1:], 3.0]
    assert estimate(wild).high(0.025) < 0.01
    assert estimate(wild, trimmed=0).high(0.025) > 0.3


def test_holm_holds_the_smallest_against_the_strictest_level() -> None:
    assert holm_levels([0.04, 0.001, 0.02], whole=0.05) == pytest.approx([0.05, 0.05 / 3, 0.025])
    after_the_first_that_stands = holm_levels([0.04, 0.001, 0.03], whole=0.05)
    assert after_the_first_that_stands == pytest.approx([0.025, 0.05 / 3, 0.025])


def test_alike_endpoints_hold_whatever_the_load_between_blocks_was() -> None:
    comparison = compare(measured())
    assert comparison.verdict is Verdict.HOLDS
    assert all(c.low < 1 < c.high < 1.15 for c in comparison.figures)
    assert extension(comparison, 24) == 0


@pytest.mark.parametrize(
    ("slower", "worse"),
    [
        ({"ttft": 1.3}, {TTFT_P50, TTFT_P90}),
        ({"tpot": 1.3}, {TPOT_P50, TPOT_P90}),
        ({"gap": 1.3}, {GAP_P50, GAP_P90}),
        ({"ttft": 1.3, "tpot": 1.3, "gap": 1.3}, {figure.name for figure in FIGURES}),
    ],
    ids=lambda case: "+".join(sorted(case)) if isinstance(case, dict) else "",
)
def test_what_is_slower_is_worse_and_nothing_else(slower: dict[str, float], worse: set[str]) -> None:
    told = verdicts(measured(lambda rng: answer(rng, **slower)))
    assert {name for name, verdict in told.items() if verdict is Verdict.WORSE} == worse
    assert {verdict for name, verdict in told.items() if name not in worse} <= {Verdict.HOLDS}


def test_a_stall_of_one_answer_in_six_shows_in_p90_alone() -> None:
    told = verdicts(measured(lambda rng: answer(rng, gap=4 if rng.random() < 1 / 6 else 1)))
    assert {name for name, verdict in told.items() if verdict is Verdict.WORSE} == {GAP_P90}


def test_a_faster_candidate_holds() -> None:
    assert compare(measured(lambda rng: answer(rng, ttft=0.5, tpot=0.5, gap=0.5))).verdict is Verdict.HOLDS


def test_too_much_noise_is_unclear_and_says_how_much_more_would_tell() -> None:
    noisy = lambda rng: answer(rng, noise=0.6)  # noqa: E731
    comparison = compare(measured(noisy, noisy))
    assert comparison.verdict is Verdict.UNCLEAR
    assert 24 <= extension(comparison, 24) <= 120


def test_misses_never_make_a_candidate_fast() -> None:
    broken = compare(measured(lambda rng: missing(rng) if rng.random() < 0.4 else answer(rng)))
    assert broken.misses.worse
    assert (broken.misses.live, broken.misses.example) == (0, "HTTP 500")
    assert all(compared.ratio >= 0.95 for compared in broken.figures)
    assert compare(measured(missing)).verdict is Verdict.WORSE


def test_misses_that_both_have_are_no_difference() -> None:
    flaky: Answer = lambda rng: missing(rng) if rng.random() < 0.05 else answer(rng)  # noqa: E731
    misses = compare(measured(flaky, flaky)).misses
    assert misses.candidate
    assert not misses.worse


def test_a_live_endpoint_that_gives_nothing_whole_is_nothing_to_compare_with() -> None:
    with pytest.raises(ValueError, match="0 blocks hold something to compare"):
        compare(measured(live=missing))


def test_times_that_nobody_can_feel_are_equal() -> None:
    def instantly(ms: float) -> Answer:
        return lambda _: Timed(ms / 1000, ms / 10_000, ms / 1000)

    comparison = compare(measured(instantly(0.9), instantly(0.3)))
    assert comparison.verdict is Verdict.HOLDS


def test_raw_samples_come_back_as_they_were_kept() -> None:
    blocks = measured(lambda rng: missing(rng) if rng.random() < 0.2 else answer(rng), blocks=3)
    assert [Block.from_json(block.as_json()) for block in blocks] == blocks
