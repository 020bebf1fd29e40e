"""Finding the knee: where more callers stop getting more answers, and only wait longer."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.meter.load import Load
from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.plan import Phase, Plan
from shipworthy.probes.inference.meter.processes import measure
from shipworthy.probes.inference.meter.sample import Sample

WAVES = 3
FEWEST = 12
MOST_CALLERS = 512
GROWS = 1.25
"""Twice the callers must get at least so many times the answers, or the knee is behind."""
TAKES_OFF = 2.0
"""An answer that takes so many times as long as alone is behind the knee, whatever the throughput."""
AT_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Level:
    """What a number of callers got."""

    callers: int
    answers_per_s: float
    tokens_per_s: float
    ttft_s: float | None
    """Median, as the one below; None where no answer was complete."""
    total_s: float | None
    samples: int
    misses: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """The levels, in order, and the place of the knee among them."""

    levels: tuple[Level, ...]
    knee: int
    found: bool
    """False where the sweep ended before throughput stopped growing: the knee is farther out."""

    @property
    def callers(self) -> int:
        """The load to measure at: 70 % of the knee."""
        return max(1, round(AT_SHARE * self.levels[self.knee].callers))


def sweep_levels(endpoint: ChatEndpoint, load: Load, *, request_s: float, total_s: float) -> Sweep:
    """Double the callers until throughput stops growing or answers take twice as long as alone.

    Raises:
        ProbeError: the endpoint completed no answer to a single caller, or the meter could not measure.

    """
    levels: list[Level] = []
    callers = 1
    while callers <= MOST_CALLERS:
        at = replace(load, callers=callers, rate_per_s=None, seed=f"{load.seed}-sweep-{callers}")
        plan = Plan((endpoint,), (at.warm_up(endpoint), _counted(at, endpoint)), request_s, total_s)
        levels.append(level_of(callers, measure(plan)))
        if not levels[0].answers_per_s:
            raise ProbeError(f"{endpoint.name} completed no answer to one caller: there is no knee to find")
        if _behind(levels):
            return Sweep(tuple(levels), len(levels) - 2, found=True)
        callers *= 2
    return Sweep(tuple(levels), len(levels) - 1, found=False)


def _counted(load: Load, endpoint: ChatEndpoint) -> Phase:
    return load.phase(endpoint, max(FEWEST, WAVES * (load.callers or 1)), "level")


def level_of(callers: int, measurement: Measurement) -> Level:
    """Sum a measurement of one level up."""
    whole: Sequence[Sample] = [sample for sample in measurement.samples if not sample.miss]
    return Level(
        callers=callers,
        answers_per_s=len(whole) / measurement.elapsed_s,
        tokens_per_s=sum(sample.tokens for sample in whole) / measurement.elapsed_s,
        ttft_s=statistics.median(s.first_token_s or 0 for s in whole) if whole else None,
        total_s=statistics.median(s.ended_s for s in whole) if whole else None,
        samples=len(measurement.samples),
        misses=len(measurement.misses),
    )


def _behind(levels: Sequence[Level]) -> bool:
    if len(levels) < 2:
        return False
    first, before, last = levels[0], levels[-2], levels[-1]
    if last.total_s is None or first.total_s is None:
        return True
    return last.tokens_per_s < GROWS * before.tokens_per_s or last.total_s > TAKES_OFF * first.total_s
