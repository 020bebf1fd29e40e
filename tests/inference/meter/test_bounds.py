"""Exact bounds against published values, and what follows from them."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.probes.inference import TooFewSamplesError
from shipworthy.probes.inference.binomial import at_least, lower_bound, ranks, upper_bound
from shipworthy.probes.inference.meter.slo import (
    Decision,
    Limits,
    Promise,
    broken_by,
    fewest,
    judge,
    more_to_decide,
)
from tests.inference.meter.conftest import missed, sample

PROMISE = Promise(Limits(ttft_s=0.2), share=0.95, confidence=0.95)


def exactly(hits: int, of: int, share: float) -> float:
    return sum(math.comb(of, n) * share**n * (1 - share) ** (of - n) for n in range(hits, of + 1))


@pytest.mark.parametrize(
    ("hits", "of", "confidence", "low", "high"),
    [
        (5, 10, 0.95, 0.2224, 0.7776),  # one-sided 95 % is two-sided 90 %: Clopper & Pearson's own table
        (1, 20, 0.975, 0.0013, 0.2487),
        (0, 10, 0.95, 0.0, 0.2589),  # 1 - 0.05 ** (1 / 10)
        (59, 59, 0.95, 0.9505, 1.0),
    ],
)
def test_bounds_are_those_of_clopper_and_pearson(hits, of, confidence, low, high):
    assert lower_bound(hits, of, confidence) == pytest.approx(low, abs=5e-5)
    assert upper_bound(hits, of, confidence) == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 300), st.data(), st.floats(0.01, 0.99))
def test_the_tail_is_that_of_the_binomial_distribution(of: int, data, share: float):
    hits = data.draw(st.integers(0, of))
    assert at_least(hits, of, share) == pytest.approx(exactly(hits, of, share), abs=1e-9)


@given(st.integers(1, 5000), st.data())
def test_a_bound_is_where_what_was_seen_becomes_unlikely(of: int, data):
    hits = data.draw(st.integers(1, of))
    assert at_least(hits, of, lower_bound(hits, of, 0.95)) == pytest.approx(0.05, abs=1e-6)


def test_nothing_counted_is_no_share():
    with pytest.raises(TooFewSamplesError):
        lower_bound(0, 0, 0.95)


@pytest.mark.parametrize(
    ("of", "q", "places"), [(100, 0.5, (39, 60)), (9, 0.5, (1, 7)), (5, 0.5, None), (130, 0.99, None)]
)
def test_the_interval_of_a_percentile_lies_between_ordered_samples(of, q, places):
    assert ranks(of, q, 0.95) == places  # 100 and 9: Conover, Practical Nonparametric Statistics, 3.2


def test_fifty_nine_samples_without_a_miss_prove_nineteen_of_twenty():
    assert fewest(0.95, 0.95) == 59
    assert lower_bound(59, 59, 0.95) >= 0.95 > lower_bound(58, 58, 0.95)


def held(kept: int, broken: int, promise: Promise = PROMISE, unclear: int = 0):
    samples = [sample()] * kept + [sample(first_token_s=0.9)] * broken
    return judge(samples + [sample(first_token_s=0.21, late_s=0.02)] * unclear, promise)


def test_what_is_sure_is_decided_and_what_is_not_is_not():
    assert held(200, 0).decision is Decision.GO
    assert held(197, 3).decision is Decision.GO
    assert held(190, 10).decision is Decision.INCONCLUSIVE
    assert held(180, 20).decision is Decision.NO_GO
    assert held(0, 200).decision is Decision.NO_GO


def test_each_look_has_half_of_the_error():
    assert PROMISE.at_each_look == pytest.approx(0.975)
    assert held(71, 0).decision is Decision.INCONCLUSIVE
    assert held(72, 0).decision is Decision.GO


def test_a_limit_exceeded_by_less_than_the_meter_was_late_counts_for_neither_side():
    judgement = held(190, 0, unclear=10)
    assert (judgement.kept, judgement.broken, judgement.unclear) == (190, 0, 10)
    assert judgement.decision is Decision.INCONCLUSIVE
    assert judgement.lower < 0.95 < judgement.upper
    assert held(100, 0, unclear=100).upper == 1.0


def test_misses_are_kept_by_no_limit():
    judgement = judge([sample()] * 180 + [missed("HTTP 500 'gone'")] * 20, Promise(Limits(), 0.95, 0.95))
    assert judgement.decision is Decision.NO_GO
    assert judgement.reasons == (("HTTP 500", 20),)


@pytest.mark.parametrize(
    ("limits", "exceeded"),
    [
        (Limits(ttft_s=0.09), "TTFT 100 ms"),
        (Limits(tpot_s=0.009), "TPOT 10 ms"),
        (Limits(gap_s=0.009), "largest gap 10 ms"),
        (Limits(total_s=0.13), "total 131 ms"),
        (Limits(tokens_per_second=101), "100.0 tokens/s"),
    ],
)
def test_each_limit_says_what_exceeded_it(limits: Limits, exceeded: str):
    ((_, over),) = broken_by([sample()], limits)
    assert over == (exceeded,)


def test_an_answer_within_its_limits_exceeds_none():
    limits = Limits(ttft_s=0.1, tpot_s=0.0101, gap_s=0.01, total_s=0.131, tokens_per_second=99)
    assert not limits.exceeded(sample())


@pytest.mark.parametrize("kept", [188, 190, 191, 193, 195])
def test_an_extension_of_the_size_that_is_asked_for_mostly_decides(kept: int):
    more = more_to_decide(kept, 200, PROMISE)
    share = kept / 200
    if share == PROMISE.share:
        assert more is None
        return
    assert more
    choice = random.Random(kept)
    decided = 0
    for _ in range(200):
        hits = sum(choice.random() < share for _ in range(200 + more))
        total = 200 + more
        low, high = lower_bound(hits, total, 0.975), upper_bound(hits, total, 0.975)
        decided += low >= 0.95 or high < 0.95
    assert decided >= 160


def test_nothing_more_is_asked_where_it_is_decided():
    assert held(200, 0).more == 0
    assert held(0, 200).more == 0
