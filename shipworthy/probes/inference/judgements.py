"""Judgements about inference that follow from kept observations and promises alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from shipworthy.errors import ProbeError
from shipworthy.evidence.writer import Measure
from shipworthy.findings import Finding
from shipworthy.judged import Judged
from shipworthy.probes.inference.meter.figures import Figure, quantile, times
from shipworthy.probes.inference.meter.gate import LatencyRun
from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.slo import Decision, Judgement, Limits, Promise, broken_by, judge
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


def hold_to_promise(run: LatencyRun, promise: Promise, what: str, *, fix: str) -> Judged:
    """Hold the answers of a latency measurement to a promise.

    Args:
        run: what was measured.
        promise: what the answers must keep.
        what: names the promise; after a comma may stand a figure that it is about.
        fix: what to do where it is not kept.

    """
    samples = run.measurement.samples
    held = judge(samples, promise)
    bounds = f"at least {held.lower:.1%}, at most {held.upper:.1%}"
    seen = f"{held.kept} of {held.count} answers kept it ({bounds} for sure; {run.load.text})"
    unclear, findings = None, list[Finding]()
    if held.decision is Decision.INCONCLUSIVE:
        promised = f"promised are {promise.share:.1%}"
        unclear = f"inference.instant, {what}: inconclusive: {seen}; {promised}; {_more(held)}"
    if held.decision is Decision.NO_GO:
        reasons = ", ".join(f"{count}: {reason}" for reason, count in held.reasons[:SHOWN])
        worst = [
            f"at {s.intended_s:.2f} s: {', '.join(over)}" for s, over in broken_by(samples, promise.limits)
        ]
        finding = Finding(
            f"inference.instant, {what}",
            saw=f"{seen}: {reasons}; the first {'; '.join(worst[:SHOWN])}",
            want=f"{promise.share:.1%} of all answers: {_limits(promise.limits)}",
            fix=f"{fix}; samples.json of answers_keep_every_limit has each answer",
        )
        findings.append(finding)
    return Judged(
        looked_at=(len(samples), "streamed answers"),
        measures=(_share(held, promise, what.partition(",")[0]),),
        findings=tuple(findings),
        unclear=unclear,
    )


def judge_latency(run: LatencyRun, promise: Promise, what: str) -> Judged:
    """Hold kept answers to a promise again, with the percentiles that it is about."""
    held = hold_to_promise(
        run, promise, what, fix="mend what the broken answers exceeded, or promise what is kept"
    )
    return replace(
        held,
        measures=(*_figures(run.measurement, promise), *held.measures),
        unclear=held.unclear or _doubt(run.measurement),
    )


def _share(held: Judgement, promise: Promise, what: str) -> Measure:
    name = f"share that keeps it: {what}"
    return Measure(name, held.share, "share", held.count, promise.share, at_least=True)


def _more(held: Judgement) -> str:
    if held.more is None:
        return "the share is so near to the promise that no number of samples decides: promise less, or mend"
    return (
        f"about {held.more} more samples would decide: "
        f"set samples = {held.count + held.more} in [inference.instant.latency]"
    )


def _limits(limits: Limits) -> str:
    texts = [f"{name} at most {limit_s * 1000:g} ms" for name, limit_s in _times(limits)]
    if limits.tokens_per_second is not None:
        texts.append(f"at least {limits.tokens_per_second:g} tokens/s")
    return ", ".join(["complete", *texts])


def _figures(measurement: Measurement, promise: Promise) -> Iterator[Measure]:
    """Give the percentile at the promised share for each time that is limited."""
    limits = promise.limits
    for name, limit_s in _times(limits):
        if figure := _percentile(measurement, name, promise.share):
            yield Measure(
                figure.name, figure.value, figure.unit, figure.samples, limit_s * 1000, at_least=False
            )
    rates = [sample.tokens_per_second for sample in measurement.samples]
    if limits.tokens_per_second is not None:
        rate = quantile("token rate", rates, 0.5, unit="tokens/s")
        yield Measure(rate.name, rate.value, rate.unit, rate.samples, limits.tokens_per_second, at_least=True)


def _times(limits: Limits) -> Iterator[tuple[str, float]]:
    """Give the times that are limited, in seconds."""
    named = (
        ("TTFT", limits.ttft_s),
        ("TPOT", limits.tpot_s),
        ("largest gap", limits.gap_s),
        ("total", limits.total_s),
    )
    yield from ((name, limit_s) for name, limit_s in named if limit_s is not None)


def _percentile(measurement: Measurement, name: str, q: float) -> Figure | None:
    try:
        return quantile(name, times(measurement.samples)[name], q)
    except TooFewSamplesError:
        return None


def _doubt(measurement: Measurement) -> str | None:
    try:
        measurement.demand_valid()
    except ProbeError as error:
        return str(error)
    return None
