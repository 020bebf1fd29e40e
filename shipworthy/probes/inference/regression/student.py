"""Student's t distribution, for whole degrees of freedom.

Closed sums instead of a dependency: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3
(odd degrees) and 26.7.4 (even degrees).
"""

from __future__ import annotations

import functools
import math

FAR = 1e6
"""Beyond any quantile that is asked for: t at one degree of freedom and 1e-6 is 3.2e5."""


def above(t: float, df: int) -> float:
    """Give the chance of a value above ``t``; ``±inf`` is legal."""
    if df < 1:
        raise ValueError(f"{df} degrees of freedom: there is no such distribution")
    within = _within(abs(t), df)
    return (1 - within) / 2 if t > 0 else (1 + within) / 2


@functools.cache
def quantile_above(chance: float, df: int) -> float:
    """Give the ``t`` that is exceeded with this chance, which lies above 1e-6 and at most at 0.5."""
    if not 1e-6 <= chance <= 0.5:
        raise ValueError(f"a chance of {chance} is outside of what is tabled here")
    low, high = 0.0, FAR
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle, df) > chance else (low, middle)
    return high


def _within(t: float, df: int) -> float:
    """Give the chance of a value between ``-t`` and ``t``."""
    angle = math.atan(t / math.sqrt(df))
    cosine2 = math.cos(angle) ** 2
    odd = df % 2
    term, total = (math.cos(angle), 0.0) if odd else (1.0, 0.0)
    for step in range(2 + odd, df + 1, 2):  # powers of the cosine up to df - 2
        total += term
        term *= cosine2 * (step - 1) / step
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
