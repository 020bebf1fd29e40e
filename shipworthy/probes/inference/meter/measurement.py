"""What the meter gives back: one sample for each request, and how late the meter itself was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from shipworthy.probes.inference.meter.lateness import Lateness


@dataclass(frozen=True, slots=True)
class Sample:
    """One request and what became of it; times in seconds."""

    label: str
    endpoint: int
    """Its place among the plan's endpoints."""
    phase: int
    """The place of its phase in the plan."""
    intended_s: float
    """When it was to be sent, counted from the measurement's beginning."""
    sent_s: float
    """When it was sent, counted likewise."""
    connect_s: float
    """How long its connection took, TLS included; that was over before the request's time came."""
    miss: str | None
    """Why this is no complete answer; None where it is one. The times of a miss mean nothing."""
    first_token_s: float | None
    """Until the first text was there, counted from ``intended_s`` as the two below; None for a miss."""
    last_token_s: float | None
    ended_s: float
    """Until the last byte was there, or until it was given up."""
    gaps_s: tuple[float, ...]
    """Between each two events with text, thoughts included."""
    tokens: int
    """As the usage says; events with text where there is none."""
    late_s: float = 0.0
    """How late the meter itself was, at worst, while this request was under way."""

    @property
    def largest_gap_s(self) -> float:
        """The longest time without news after the first token; 0 where all text came at once."""
        return max(self.gaps_s, default=0.0)

    @property
    def tpot_s(self) -> float | None:
        """Time per output token after the first; None for a miss and for an answer of one token."""
        if self.first_token_s is None or self.last_token_s is None or self.tokens < 2:
            return None
        return (self.last_token_s - self.first_token_s) / (self.tokens - 1)

    @property
    def tokens_per_second(self) -> float:
        """Tokens after the first per second; 0 for a miss.

        Where all text came at once, the time since the request counts: held back is not fast.
        """
        if self.first_token_s is None or not self.last_token_s:
            return 0.0
        span_s = self.last_token_s - self.first_token_s
        return (self.tokens - 1) / span_s if span_s > 0 else self.tokens / self.last_token_s


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
