"""Exact bounds on a share, and on a percentile, from counts alone; no shape of the samples is assumed.

Sources: Clopper & Pearson, Biometrika 26 (1934); Press et al., Numerical Recipes, "Incomplete Beta
Function" (continued fraction); Hahn & Meeker, Statistical Intervals, 5.2 (order statistics).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from shipworthy.probes.inference.statistics import TooFewSamplesError

ITERATIONS = 100
NOTHING = 1e-300
CLOSE = 1e-14


def lower_bound(hits: int, of: int, confidence: float) -> float:
    """Give the share that the true one is not below, one-sided (Clopper-Pearson).

    Raises:
        TooFewSamplesError: nothing was counted.

    """
    _hold_to_counts(hits, of)
    return _solve(lambda p: beta(hits, of - hits + 1, p) < 1 - confidence) if hits else 0.0


def upper_bound(hits: int, of: int, confidence: float) -> float:
    """Give the share that the true one is not above, one-sided (Clopper-Pearson).

    Raises:
        TooFewSamplesError: nothing was counted.

    """
    _hold_to_counts(hits, of)
    return _solve(lambda p: beta(hits + 1, of - hits, p) < confidence) if hits < of else 1.0


def at_least(hits: int, of: int, share: float) -> float:
    """Give the chance of ``hits`` or more among ``of``, each with chance ``share``."""
    return beta(hits, of - hits + 1, share) if hits > 0 else 1.0


def ranks(of: int, q: float, confidence: float) -> tuple[int, int] | None:
    """Give the places (from 0) of two ordered samples between which the percentile ``q`` lies.

    Two-sided; None where so few samples cannot say it with that confidence.
    """
    each = (1 - confidence) / 2
    # The true percentile is below the sample of rank r (from 1) with chance P(fewer than r of n below it).
    low = _largest(of, lambda rank: 1 - at_least(rank, of, q) <= each)
    high = of + 1 - _largest(of, lambda rank: at_least(of + 1 - rank, of, q) <= each)
    return (low - 1, high - 1) if low >= 1 and high <= of else None


def beta(a: float, b: float, x: float) -> float:
    """Give the regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta(b, a, 1 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction of I_x(a, b) by Lentz's method."""
    c, d = 1.0, 1 / _not_nothing(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, ITERATIONS + int(10 * math.sqrt(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _not_nothing(1 + term * d)
            c = _not_nothing(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < CLOSE:
            break
    return value


def _not_nothing(value: float) -> float:
    return value if abs(value) > NOTHING else NOTHING


def _solve(below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(ITERATIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def _largest(of: int, holds: Callable[[int], bool]) -> int:
    """Give the largest rank from 1 to ``of`` for which it holds, where it holds up to some rank; 0: none."""
    low, high = 0, of + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _hold_to_counts(hits: int, of: int) -> None:
    if of < 1 or not 0 <= hits <= of:
        raise TooFewSamplesError(f"no share of {hits} among {of}")
