"""Judgements about inference that follow from kept observations and promises alone."""

from __future__ import annotations

from collections.abc import Iterator

from shipworthy.errors import ProbeError
from shipworthy.evidence.writer import Measure
from shipworthy.findings import Finding
from shipworthy.judged import Judged
from shipworthy.probes.inference.meter.figures import Figure, quantile, times
from shipworthy.probes.inference.meter.gate import LatencyRun
from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.slo import Decision, Judgement, Promise, judge
from shipworthy.probes.inference.regression import Interleaved, Margins, judge_against_live
from shipworthy.probes.inference.statistics import TooFewSamplesError
from shipworthy.target.inference import InferenceEndpoint

SHOWN = 3


def margins_of(promised: InferenceEndpoint) -> Margins:
    """Give what a target calls worse than live.

    Raises:
        ValueError: it declares no live endpoint.

    """
    if promised.baseline is None:
        raise ValueError("inference.instant declares no baseline")
    return Margins(promised.baseline.fails_above, promised.baseline.passes_below)


def judge_blocks(measured: Interleaved, promised: InferenceEndpoint) -> Judged:
    """Judge candidate against live, by the margins that the target declares."""
    return judge_against_live(measured, margins_of(promised))


def judge_latency(run: LatencyRun, promise: Promise, what: str) -> Judged:
    """Hold the answers of a latency measurement to a promise; ``what`` names the promise."""
    samples = run.measurement.samples
    held = judge(samples, promise)
    seen = (
        f"{held.kept} of {held.count} answers kept it (at least {held.lower:.1%}, at most {held.upper:.1%}"
        f" for sure; {run.load.text})"
    )
    finding = Finding(
        f"inference.instant, {what}",
        saw=f"{seen}: {', '.join(f'{count} {reason}' for reason, count in held.reasons[:SHOWN])}",
        want=f"{promise.share:.1%} of all answers",
        fix="mend what the broken answers exceeded, or promise what is kept",
    )
    return Judged(
        looked_at=(len(samples), "streamed answers"),
        measures=(*_figures(run.measurement, promise), _share(held, promise, what)),
        findings=(finding,) if held.decision is Decision.NO_GO else (),
        unclear=_inconclusive(held, promise, seen) or _doubt(run.measurement),
    )


def _share(held: Judgement, promise: Promise, what: str) -> Measure:
    name = f"share that keeps it: {what}"
    return Measure(name, held.share, "share", held.count, promise.share, at_least=True)


def _figures(measurement: Measurement, promise: Promise) -> Iterator[Measure]:
    """Give the percentile at the promised share for each time that is limited."""
    limits = promise.limits
    limited = (
        ("TTFT", limits.ttft_s),
        ("TPOT", limits.tpot_s),
        ("largest gap", limits.gap_s),
        ("total", limits.total_s),
    )
    for name, limit_s in limited:
        if limit_s is not None and (figure := _percentile(measurement, name, promise.share)):
            yield Measure(
                figure.name, figure.value, figure.unit, figure.samples, limit_s * 1000, at_least=False
            )
    rates = [sample.tokens_per_second for sample in measurement.samples]
    if limits.tokens_per_second is not None:
        rate = quantile("token rate", rates, 0.5, unit="tokens/s")
        yield Measure(rate.name, rate.value, rate.unit, rate.samples, limits.tokens_per_second, at_least=True)


def _percentile(measurement: Measurement, name: str, q: float) -> Figure | None:
    try:
        return quantile(name, times(measurement.samples)[name], q)
    except TooFewSamplesError:
        return None


def _inconclusive(held: Judgement, promise: Promise, seen: str) -> str | None:
    if held.decision is not Decision.INCONCLUSIVE:
        return None
    more = f"about {held.more} more samples would decide" if held.more else "no number of samples decides"
    return f"inconclusive: {seen}; promised are {promise.share:.1%}; {more}"


def _doubt(measurement: Measurement) -> str | None:
    try:
        measurement.demand_valid()
    except ProbeError as error:
        return str(error)
    return None
