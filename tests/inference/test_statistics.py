"""Percentiles refuse what they cannot know."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.probes.inference import TooFewSamplesError, needed_samples, percentile


@pytest.mark.parametrize(("q", "needed"), [(0.5, 10), (0.9, 64), (0.95, 130), (0.99, 662)])
def test_a_percentile_needs_enough_samples_to_be_seen(q: float, needed: int):
    assert needed_samples(q) == needed
    with pytest.raises(TooFewSamplesError, match=f"{needed} samples, there are {needed - 1}"):
        percentile([1.0] * (needed - 1), q)
    assert percentile([1.0] * needed, q) == 1.0


def test_no_samples_are_no_zero():
    with pytest.raises(TooFewSamplesError):
        percentile([], 0.5)


@given(st.lists(st.floats(0, 1e6), min_size=130, max_size=400))
def test_a_percentile_is_a_sample_that_bounds_its_share(samples: list[float]):
    p95 = percentile(samples, 0.95)
    assert p95 in samples
    assert sum(sample <= p95 for sample in samples) >= 0.95 * len(samples)


def test_misses_push_a_percentile_out_of_reach():
    assert percentile([0.1] * 120 + [math.inf] * 10, 0.95) == math.inf
    assert percentile([0.1] * 124 + [math.inf] * 6, 0.95) == 0.1


@pytest.mark.parametrize("q", [0, 1, 95])
def test_a_percentile_is_a_share(q: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile([1.0] * 1000, q)
