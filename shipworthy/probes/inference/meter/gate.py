"""Measuring until the promises are decided: a first measurement, and one extension where it is not enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.meter.load import Load
from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.plan import Plan
from shipworthy.probes.inference.meter.processes import measure
from shipworthy.probes.inference.meter.slo import Decision, Promise, judge
from shipworthy.probes.inference.meter.sweep import Sweep, sweep_levels

MOST_TIMES = 4
"""The extension is at most so many times the first measurement."""
MORE_METERS = 2


@dataclass(frozen=True, slots=True)
class LatencyRun:
    """What was measured under which load."""

    endpoint: str
    load: Load
    measurement: Measurement
    first: int
    """Samples of the first measurement; those after it are the extension's."""
    sweep: Sweep | None = None

    def as_json(self) -> dict[str, Any]:
        """Give everything, every raw sample included, to be kept and judged again."""
        made: dict[str, Any] = RUN.dump_python(self, mode="json")
        return made

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LatencyRun:
        """Take back what ``as_json`` gave."""
        return RUN.validate_python(dict(data))


RUN = TypeAdapter(LatencyRun)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long it may all take, in seconds."""

    request_s: float
    """One request."""
    total_s: float = 120.0
    """One measurement; what is not sent by then is not sampled."""


def measure_until_decided(
    endpoint: ChatEndpoint, load: Load, samples: int, promises: Sequence[Promise], bounds: Bounds
) -> LatencyRun:
    """Measure, and once more where no promise is broken for sure and one is not kept for sure either.

    Where the load names neither callers nor a rate, they are 70 % of the knee, which is looked for first.
    Where one process of the meter was too late, the measurement is made again by several.

    Raises:
        ProbeError: the meter could not measure.

    """
    sweep = None
    if load.callers is None and load.rate_per_s is None:
        sweep = sweep_levels(endpoint, load, request_s=bounds.request_s, total_s=bounds.total_s)
        load = replace(load, callers=sweep.callers)
    first = _measured(endpoint, load, samples, "first", bounds)
    more = _wanted(first, promises)
    whole = first + _measured(endpoint, load, more, "extension", bounds) if more else first
    return LatencyRun(endpoint.name, load, whole, len(first.samples), sweep)


def _measured(endpoint: ChatEndpoint, load: Load, samples: int, part: str, bounds: Bounds) -> Measurement:
    phases = (load.warm_up(endpoint), load.phase(endpoint, samples, part))
    plan = Plan((endpoint,), phases, request_s=bounds.request_s, total_s=bounds.total_s)
    measurement = measure(plan)
    if measurement.lateness.too_late:
        again = replace(load, seed=f"{load.seed}-again")
        phases = (again.warm_up(endpoint), again.phase(endpoint, samples, part))
        measurement = measure(replace(plan, phases=phases), processes=MORE_METERS)
    return measurement


def _wanted(first: Measurement, promises: Sequence[Promise]) -> int:
    """Give how many more samples would decide every promise; none where one is broken for sure already."""
    if not first.samples:
        return 0
    judgements = [judge(first.samples, promise) for promise in promises]
    if any(judgement.decision is Decision.NO_GO for judgement in judgements):
        return 0
    unsure = [j for j in judgements if j.decision is Decision.INCONCLUSIVE]
    most = MOST_TIMES * len(first.samples)
    return max((min(judgement.more or most, most) for judgement in unsure), default=0)
