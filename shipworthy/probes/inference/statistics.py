"""Percentiles that say no when there are too few samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

RESIDUAL = 0.0013
"""Chance that all samples lie below the true percentile; three sigma, one-sided."""


class TooFewSamplesError(ValueError):
    """A percentile was asked of fewer samples than it takes to see it."""


def needed_samples(q: float) -> int:
    """Give how many samples the percentile ``q`` (0 < q < 1) needs.

    So many that, but for 13 in 10,000 series, at least one lies above the true percentile
    (``q ** n <= 0.0013``): p50 needs 10, p90 64, p95 130, p99 662.
    """
    if not 0 < q < 1:
        raise ValueError(f"a percentile lies between 0 and 1, not at {q}")
    return max(1, math.ceil(math.log(RESIDUAL) / math.log(max(q, 1 - q))))


def percentile(samples: Sequence[float], q: float) -> float:
    """Give the smallest sample that at least the share ``q`` of all samples does not exceed (nearest rank).

    ``math.inf`` is a legal sample: something that never came.

    Raises:
        TooFewSamplesError: naming how many there are and how many it takes.

    """
    needed = needed_samples(q)
    if len(samples) < needed:
        raise TooFewSamplesError(f"p{q * 100:g} needs {needed} samples, there are {len(samples)}")
    return sorted(samples)[math.ceil(q * len(samples)) - 1]
