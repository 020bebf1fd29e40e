"""What one process of the meter hands over."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from shipworthy.probes.inference.meter.lateness import Lateness, worst
from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.plan import Plan
from shipworthy.probes.inference.meter.sample import Sample


@dataclass(frozen=True, slots=True)
class Heap:
    """Its samples, by phase, in the order of its part of the plan; None where the time ran out before."""

    samples: list[list[Sample | None]]
    spans_s: list[tuple[float, float]]
    """When each phase began and ended, counted from the measurement's beginning."""
    lateness: Lateness
    bytes_read: int

    def as_json(self) -> str:
        """Give one line."""
        return HEAP.dump_json(self).decode()

    @classmethod
    def from_json(cls, line: str) -> Heap:
        """Take back what ``as_json`` gave."""
        return HEAP.validate_json(line)


HEAP = TypeAdapter(Heap)


def joined(plan: Plan, heaps: list[Heap]) -> Measurement:
    """Put the parts of all processes back into the order of the plan."""
    samples: list[Sample] = []
    unsent = 0
    counting = [number for number, phase in enumerate(plan.phases) if phase.counts]
    for number in counting:
        phase = plan.phases[number]
        busy = len(heaps) if phase.callers is None else min(len(heaps), phase.callers)
        for place in range(len(phase.requests)):
            part = heaps[place % busy].samples[number]
            sample = part[place // busy] if place // busy < len(part) else None
            unsent += sample is None
            samples += [sample] if sample else []
    begun = min(heap.spans_s[counting[0]][0] for heap in heaps)
    ended = max(heap.spans_s[counting[-1]][1] for heap in heaps)
    return Measurement(
        samples=tuple(samples),
        lateness=worst([heap.lateness for heap in heaps], processes=len(heaps)),
        elapsed_s=round(ended - begun, 6),
        unsent=unsent,
        bytes_read=sum(heap.bytes_read for heap in heaps),
    )
