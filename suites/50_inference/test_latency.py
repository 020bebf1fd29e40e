"""How fast the instant endpoint streams under the declared load, against what the target promises."""

import json

from shipworthy import ProbeError, alone_with, needs
from shipworthy.probes.inference import TooFewSamplesError, needed_samples
from shipworthy.probes.inference.judgements import hold_to_promise
from shipworthy.probes.inference.meter.agreement import agreements
from shipworthy.probes.inference.meter.figures import histogram, quantile, summary, times
from shipworthy.probes.inference.meter.pictures import draw_distributions, draw_sweep, draw_timeline
from shipworthy.probes.inference.meter.pressure import pressure_of, turned_away

FALLS_BEHIND = 0.05


@alone_with("inference.instant")
@needs("inference.instant.latency")
def test_answers_keep_every_limit(findings, evidence, instant_latency, instant_promises):
    """The promised share of all answers is complete and within every limit.

    Why: means and percentiles of what came back hide refused, broken and stalled answers; users do not.
    Fix: look at what most of the broken answers exceeded, and at samples.json for when that was.
    """
    run, promise = instant_latency, instant_promises.every_limit
    evidence.text("samples.json", json.dumps(run.as_json(), separators=(",", ":")))
    evidence.text("timeline.svg", draw_timeline(run.measurement.samples, promise.limits))
    if run.sweep:
        evidence.text("sweep.svg", draw_sweep(run.sweep))
    _measure_the_meter(evidence, run.measurement)
    if len(run.measurement.misses) < len(run.measurement.samples):
        for name, values in times(run.measurement.samples).items():
            evidence.text(f"{name.replace(' ', '-')}.hdr", histogram(values))
        evidence.text("distributions.svg", draw_distributions(run.measurement.samples, promise.limits))
        for figure in summary(run.measurement, promise.limits):
            evidence.measure(figure.name, figure.value, figure.unit, samples=figure.samples)
            evidence.note(figure.text)
    hold_to_promise(
        run, promise, "answers within every limit",
        fix="mend what the broken answers exceeded: queueing first (slots, replicas), then the model's speed",
    ).report(findings, evidence)  # fmt: skip


@alone_with("inference.instant")
@needs("inference.instant.ttft_p95_ms")
def test_first_tokens_come_in_time(findings, evidence, instant_latency, instant_promises):
    """Nineteen of twenty answers begin within the promised time.

    Why: the time to the first token is what users feel as speed; the mean hides the slow ones.
    Fix: look at queueing first (more slots or replicas), then prompt caching, then a smaller model.
    """
    promise = instant_promises.first_token
    _quantiles(evidence, instant_latency, "TTFT", (0.5, 0.95), {0.95: promise.limits.ttft_s * 1000})
    hold_to_promise(
        instant_latency, promise, "time to first token",
        fix="see in the endpoint's own metrics where it goes (queue, prefill)",
    ).report(findings, evidence)  # fmt: skip


@alone_with("inference.instant")
@needs("inference.instant.tokens_per_second_p50")
def test_tokens_come_at_the_promised_rate(findings, evidence, instant_latency, instant_promises):
    """Half of all answers stream at the promised rate or faster.

    Why: below reading speed an answer feels stuck; a drop often means that the model runs on the CPU.
    Fix: check that the model is on the GPU and how many requests share it.
    """
    promise = instant_promises.rate
    rates = [sample.tokens_per_second for sample in instant_latency.measurement.samples]
    rate = quantile("token rate", rates, 0.5, unit="tokens/s")
    limit = promise.limits.tokens_per_second
    evidence.measure(rate.name, rate.value, rate.unit, samples=rate.samples, limit=limit)
    hold_to_promise(
        instant_latency, promise, f"token rate, p50 {rate.value:.1f} tokens/s",
        fix="look at GPU utilisation and batch size while serving; add a replica",
    ).report(findings, evidence)  # fmt: skip


@alone_with("inference.instant")
@needs("inference.instant.latency.gap_ms")
def test_answers_do_not_stall(findings, evidence, instant_latency, instant_promises):
    """In the promised share of answers, no two events are farther apart than promised.

    Why: an answer that stands still in its middle looks broken, however good its mean token rate is.
    Fix: look for preemption, recomputation, long prefills in the same batch, and pauses of the process.
    """
    promise = instant_promises.gap
    limit_ms = promise.limits.gap_s * 1000
    _quantiles(evidence, instant_latency, "largest gap", (0.5, 0.95), {0.95: limit_ms})
    hold_to_promise(
        instant_latency, promise, "largest gap within an answer",
        fix="chunk prefills, keep memory for running answers free, and look for stop-the-world pauses",
    ).report(findings, evidence)  # fmt: skip


@alone_with("inference.instant")
@needs("inference.instant.latency.rate_per_s")
def test_the_load_is_carried(findings, evidence, target, instant_latency):
    """At the declared rate answers do not come later and later, and none is turned away.

    Why: behind its capacity a queue grows without end; a short measurement shows it as a trend only.
    Fix: add slots or replicas until the rate is carried, or declare the rate that is.
    """
    rate = target.inference.instant.latency.rate_per_s
    samples = instant_latency.measurement.samples
    findings.looked_at(len(samples), "streamed answers")
    refused = turned_away(samples)
    if refused:
        findings.add(
            "inference.instant, open load",
            saw=f"{len(refused)} of {len(samples)} requests turned away, the first with {refused[0].miss}",
            want=f"none, at the declared {rate:g} requests a second",
            fix="add slots or replicas; lengthen the queue only where latency allows it",
        )
    try:
        pressure = pressure_of(samples)
    except TooFewSamplesError as error:
        if refused:
            return
        raise ProbeError(f"{error}; why answers broke is the finding of answers_keep_every_limit") from error
    carried, floor = rate * pressure.carried, (1 - FALLS_BEHIND) * rate
    evidence.measure("load carried", carried, "answers/s", samples=pressure.samples, limit=floor)
    if pressure.growth_at_least > FALLS_BEHIND:
        findings.add(
            "inference.instant, open load",
            saw=f"answers took {pressure.first_s * 1000:.0f} ms in the first quarter and "
            f"{pressure.last_s * 1000:.0f} ms in the last: about {carried:.0f} a second are carried",
            want=f"{rate:g} a second, answered as fast at the end as at the beginning",
            fix=f"add slots or replicas, or declare rate_per_s = {carried * 0.7:.0f}",
        )


def _quantiles(evidence, run, name, shares, limits):
    """Report the percentiles of the complete answers, where there are enough of them."""
    whole = len(run.measurement.samples) - len(run.measurement.misses)
    for q in shares:
        if whole >= needed_samples(q):
            figure = quantile(name, times(run.measurement.samples)[name], q)
            evidence.measure(figure.name, figure.value, "ms", samples=figure.samples, limit=limits.get(q))
            evidence.note(figure.text)


def _measure_the_meter(evidence, measurement):
    late = measurement.lateness
    for name, value_s in (("event-loop lag p99", late.lag_p99_s), ("longest event-loop lag", late.lag_max_s)):
        evidence.measure(f"meter's {name}", value_s * 1000, "ms", samples=late.ticks)
    evidence.measure(
        "meter's send lateness p99", late.sent_p99_s * 1000, "ms", samples=len(measurement.samples)
    )
    for agreement in agreements(measurement.samples):
        evidence.measure(
            f"A/A ratio of {agreement.figure}", agreement.ratio, "ratio", samples=agreement.samples
        )
