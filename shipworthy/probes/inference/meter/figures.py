"""The figures of a measurement, each with its interval and the samples it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from hdrh.histogram import HdrHistogram

from shipworthy.probes.inference.binomial import ranks
from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.sample import Sample
from shipworthy.probes.inference.meter.slo import Limits
from shipworthy.probes.inference.statistics import TooFewSamplesError, needed_samples, percentile

PERCENTILES = (0.5, 0.9, 0.95, 0.99)
CONFIDENCE = 0.95
HOUR_US = 3_600_000_000
DIGITS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a measurement says."""

    name: str
    value: float
    unit: str
    samples: int
    low: float | None = None
    high: float | None = None
    """Its 95 % confidence interval, from order statistics; None where so few samples give none."""

    @property
    def text(self) -> str:
        """``TTFT p95 43.1 ms (42.8 to 44.0, n = 200)``."""
        between = f"{self.low:.4g} to {self.high:.4g}, " if self.low is not None else ""
        return f"{self.name} {self.value:.4g} {self.unit} ({between}n = {self.samples})"


def complete(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Leave the misses out: their times mean nothing.

    Raises:
        TooFewSamplesError: nothing is left.

    """
    whole = tuple(sample for sample in samples if not sample.miss)
    if not whole:
        raise TooFewSamplesError(f"none of {len(samples)} answers was complete: there is no figure")
    return whole


def times(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """Give every time that a figure is made of, by name, in milliseconds, of the complete answers."""
    whole = complete(samples)
    return {
        "TTFT": [1000 * (s.first_token_s or 0) for s in whole],
        "TPOT": [1000 * tpot_s for s in whole if (tpot_s := s.tpot_s) is not None],
        "gap": [1000 * gap_s for gap_s in chain.from_iterable(s.gaps_s for s in whole)],
        "largest gap": [1000 * s.largest_gap_s for s in whole if s.gaps_s],
        "total": [1000 * s.ended_s for s in whole],
    }


def summary(measurement: Measurement, limits: Limits) -> Iterator[Figure]:
    """Give every figure that the samples are enough for.

    The gaps of one answer depend on each other, so their percentiles have no interval.

    Raises:
        TooFewSamplesError: no answer was complete.

    """
    for name, values in times(measurement.samples).items():
        for q in PERCENTILES:
            if len(values) >= needed_samples(q):
                yield quantile(name, values, q, interval=name != "gap")
    whole = complete(measurement.samples)
    rates = [sample.tokens_per_second for sample in whole]
    if len(rates) >= needed_samples(0.5):
        yield quantile("token rate", rates, 0.5, unit="tokens/s")
    kept = sum(not limits.exceeded(sample) for sample in measurement.samples)
    tokens = sum(sample.tokens for sample in whole)
    elapsed_s = measurement.elapsed_s
    yield Figure("output tokens", tokens / elapsed_s, "tokens/s", len(whole))
    yield Figure("answers", len(whole) / elapsed_s, "answers/s", len(whole))
    yield Figure("goodput", kept / elapsed_s, "answers/s", len(measurement.samples))


def quantile(
    name: str, values: Sequence[float], q: float, *, unit: str = "ms", interval: bool = True
) -> Figure:
    """Give a percentile with its interval.

    Raises:
        TooFewSamplesError: naming how many it takes.

    """
    value = percentile(values, q)
    places = ranks(len(values), q, CONFIDENCE) if interval else None
    low, high = (sorted(values)[place] for place in places) if places else (None, None)
    return Figure(f"{name} p{q * 100:g}", value, unit, len(values), low, high)


def histogram(values_ms: Sequence[float]) -> str:
    """Give an HDR histogram of times, in microseconds with three digits, in its portable encoding."""
    counted = HdrHistogram(1, HOUR_US, DIGITS)
    for value_ms in values_ms:
        counted.record_value(max(1, round(value_ms * 1000)))
    encoded: bytes = counted.encode()
    return encoded.decode()
