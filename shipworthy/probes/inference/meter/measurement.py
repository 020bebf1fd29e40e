"""What the meter gives back: one sample for each request, and how late the meter itself was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from shipworthy.probes.inference.meter.agreement import demand_agreement
from shipworthy.probes.inference.meter.lateness import Lateness
from shipworthy.probes.inference.meter.sample import Sample


@dataclass(frozen=True, slots=True)
class Measurement:
    """All samples of the phases that count, in the order of the plan, and whether they can be believed."""

    samples: tuple[Sample, ...]
    lateness: Lateness
    elapsed_s: float
    """From the beginning of the first phase that counts to the end of the last."""
    unsent: int = 0
    """Requests that the plan's ``total_s`` left no time for."""
    bytes_read: int = 0

    @property
    def misses(self) -> tuple[str, ...]:
        """Why answers were no complete ones, an entry each."""
        return tuple(sample.miss for sample in self.samples if sample.miss)

    def of(self, *, endpoint: int | None = None, label: str | None = None) -> tuple[Sample, ...]:
        """Give the samples of one endpoint, of one label, or of both."""
        return tuple(s for s in self.samples if endpoint in {None, s.endpoint} and label in {None, s.label})

    def demand_valid(self) -> None:
        """Hold the meter to its own limits.

        Raises:
            ProbeError: it was too late itself, so that the figures say nothing about the endpoint;
                the message names the figure, its limit, and what to do.

        """
        self.lateness.demand_valid()
        demand_agreement(self.samples)

    def __add__(self, later: Measurement) -> Measurement:
        """Join with a later measurement of the same load."""
        moved = tuple(
            replace(s, intended_s=s.intended_s + self.elapsed_s, sent_s=s.sent_s + self.elapsed_s)
            for s in later.samples
        )
        return Measurement(
            samples=self.samples + moved,
            lateness=self.lateness + later.lateness,
            elapsed_s=self.elapsed_s + later.elapsed_s,
            unsent=self.unsent + later.unsent,
            bytes_read=self.bytes_read + later.bytes_read,
        )

    def as_json(self) -> dict[str, Any]:
        """Give every raw sample, to be kept and judged again."""
        made: dict[str, Any] = MEASUREMENT.dump_python(self, mode="json")
        return made

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measurement:
        """Take back what ``as_json`` gave."""
        return MEASUREMENT.validate_python(dict(data))


MEASUREMENT = TypeAdapter(Measurement)
