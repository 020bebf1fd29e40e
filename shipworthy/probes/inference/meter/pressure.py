"""Whether an endpoint carries an open load: where it falls behind, answers come later and later."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from shipworthy.probes.inference.binomial import ranks
from shipworthy.probes.inference.meter.sample import Sample
from shipworthy.probes.inference.statistics import TooFewSamplesError, needed_samples

CONFIDENCE = 0.95
TURNED_AWAY = ("HTTP 429", "HTTP 503")


@dataclass(frozen=True, slots=True)
class Pressure:
    """How the time of answers changed from the first quarter of an open load to its last."""

    first_s: float
    last_s: float
    """Medians of the time until the answer was complete, from the moment it was to be asked for."""
    growth: float
    """Seconds that an answer is later for each second that the load lasts; 0 where the load is carried."""
    growth_at_least: float
    """Its lower bound, 95 % one-sided for each of the two medians."""
    samples: int
    """Complete answers."""

    @property
    def carried(self) -> float:
        """The share of the offered rate that is answered while it lasts: 1 / (1 + growth)."""
        return 1 / (1 + max(0.0, self.growth))


def pressure_of(samples: Sequence[Sample]) -> Pressure:
    """Compare the first quarter of an open load with its last.

    An overloaded server with capacity c, offered r, is (r / c - 1) seconds later after each second.

    Raises:
        TooFewSamplesError: too few complete answers for the medians of their quarters.

    """
    whole = sorted((sample for sample in samples if not sample.miss), key=lambda s: s.intended_s)
    quarter = len(whole) // 4
    if quarter < needed_samples(0.5):
        needed = 4 * needed_samples(0.5)
        raise TooFewSamplesError(f"a growing queue shows in {needed} complete answers, not in {len(whole)}")
    first, last = whole[:quarter], whole[-quarter:]
    apart_s = _middle(last) - _middle(first)
    early, late = (sorted(sample.ended_s for sample in part) for part in (first, last))
    places = ranks(quarter, 0.5, 2 * CONFIDENCE - 1)
    assert places
    return Pressure(
        first_s=statistics.median(early),
        last_s=statistics.median(late),
        growth=(statistics.median(late) - statistics.median(early)) / apart_s,
        growth_at_least=(late[places[0]] - early[places[1]]) / apart_s,
        samples=len(whole),
    )


def turned_away(samples: Sequence[Sample]) -> list[Sample]:
    """Give the requests that the server refused for want of capacity."""
    return [sample for sample in samples if sample.miss and sample.miss.startswith(TURNED_AWAY)]


def _middle(part: Sequence[Sample]) -> float:
    return statistics.median(sample.intended_s for sample in part)
