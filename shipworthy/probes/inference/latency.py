"""How fast an endpoint streams under a fixed number of callers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.calls import stream_chat
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.statistics import percentile

TOKENS = 16

Prompt = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One streamed request."""

    first_token_s: float | None
    """None for a miss: its times would mean nothing."""
    tokens_per_second: float
    total_s: float | None
    miss: str | None
    """Why it does not count: what kept it from being a complete answer."""


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """All requests of one closed-loop measurement, the warm-up left out."""

    concurrency: int
    samples: tuple[Sample, ...]

    @property
    def misses(self) -> tuple[str, ...]:
        """Why requests failed, one entry per miss."""
        return tuple(sample.miss for sample in self.samples if sample.miss)

    def first_token_s(self, q: float) -> float:
        """The percentile ``q`` of the time to the first token; a miss counts as one that never came.

        Raises:
            TooFewSamplesError: the percentile needs more samples.

        """
        times = [math.inf if s.first_token_s is None else s.first_token_s for s in self.samples]
        return percentile(times, q)

    def tokens_per_second(self, q: float) -> float:
        """The rate that the share ``1 - q`` of all requests reaches; a miss counts as rate 0.

        Raises:
            TooFewSamplesError: the percentile needs more samples.

        """
        return percentile([sample.tokens_per_second for sample in self.samples], q)

    def as_json(self) -> dict[str, Any]:
        """Give the raw samples, to be kept and judged again."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LatencyReport:
        """Take back what ``as_json`` gave."""
        return cls(data["concurrency"], tuple(Sample(**sample) for sample in data["samples"]))


def measure_latency(
    endpoint: ChatEndpoint, *, samples: int, concurrency: int, prompt: Prompt
) -> LatencyReport:
    """Stream short answers, ``concurrency`` at any time (closed loop), after one wave of warm-up.

    Args:
        endpoint: what is measured.
        samples: how many requests count.
        concurrency: how many callers there are.
        prompt: gives the text of the n-th request; let them differ, so that no cache answers.

    """
    with endpoint.client() as client, ThreadPoolExecutor(concurrency) as callers:
        list(callers.map(lambda n: _sample(client, endpoint, prompt(n)), range(concurrency)))
        numbers = range(concurrency, concurrency + samples)
        taken = callers.map(lambda n: _sample(client, endpoint, prompt(n)), numbers)
        return LatencyReport(concurrency, tuple(taken))


def _sample(client: httpx.Client, endpoint: ChatEndpoint, prompt: str) -> Sample:
    usage = {"include_usage": True}
    try:
        record = stream_chat(client, endpoint.request(prompt, max_tokens=TOKENS, stream_options=usage))
    except ProbeError as error:
        return Sample(None, 0.0, None, str(error))
    if record.incomplete or not record.timing:
        return Sample(None, 0.0, None, record.incomplete)
    return Sample(record.timing.first_token_s, record.tokens_per_second, record.ended_s, None)
