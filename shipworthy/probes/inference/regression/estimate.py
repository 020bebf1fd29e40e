"""The mean of a few observations, some of them wild, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shipworthy.probes.inference.regression.student import above, quantile_above

TRIMMED = 0.1
"""Share of the observations that is set aside at each end."""
FEWEST = 8
"""With fewer observations there is no saying what is wild."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A trimmed mean with its standard error and degrees of freedom."""

    mean: float
    error: float
    df: int

    def low(self, chance: float) -> float:
        """Give the bound below which the truth lies with this chance at most."""
        return self.mean - quantile_above(chance, self.df) * self.error

    def high(self, chance: float) -> float:
        """Give the bound above which the truth lies with this chance at most."""
        return self.mean + quantile_above(chance, self.df) * self.error

    def chance_at_most(self, limit: float) -> float:
        """Give the one-sided p value: the chance of such a mean or a higher one, were the truth ``limit``."""
        if self.error == 0:
            return 0.0 if self.mean > limit else 1.0
        return above((self.mean - limit) / self.error, self.df)


def estimate(values: Sequence[float], trimmed: float = TRIMMED) -> Estimate:
    """Estimate by a trimmed mean (Yuen 1974: its variance from the winsorised sample).

    A plain mean (``trimmed=0``) keeps its error rates too, and loses its power to one stall of the network.

    Raises:
        ValueError: there are fewer than eight values.

    """
    if len(values) < FEWEST:
        raise ValueError(f"{len(values)} observations; at least {FEWEST} are needed")
    ordered = sorted(values)
    n, cut = len(ordered), int(trimmed * len(ordered))
    kept = ordered[cut : n - cut]
    winsorised = [kept[0]] * cut + kept + [kept[-1]] * cut
    middle = math.fsum(winsorised) / n
    squares = math.fsum((value - middle) ** 2 for value in winsorised)
    left = len(kept)
    return Estimate(math.fsum(kept) / left, math.sqrt(squares / (left * (left - 1))), left - 1)
