"""How fast the instant endpoint streams, against what the target promises."""

import math

from shipworthy import alone, needs


@alone
@needs("inference.instant.ttft_p95_ms")
def test_first_tokens_come_in_time(findings, evidence, target, instant_latency):
    """Nineteen of twenty answers begin within the promised time.

    Why: the time to the first token is what users feel as speed; the mean hides the slow ones.
    Fix: look at queueing first (more slots or replicas), then prompt caching, then a smaller model.
    """
    limit_ms = target.inference.instant.ttft_p95_ms
    evidence.json("samples", instant_latency.as_json())
    samples = len(instant_latency.samples)
    findings.looked_at(samples, "streamed answers")
    p50_ms, p95_ms = (instant_latency.first_token_s(q) * 1000 for q in (0.5, 0.95))
    for name, value, limit in (("TTFT p50", p50_ms, None), ("TTFT p95", p95_ms, limit_ms)):
        if math.isfinite(value):
            evidence.measure(name, value, "ms", samples=samples, limit=limit)
    if p95_ms > limit_ms:
        p95 = f"p95 {p95_ms:.0f} ms" if math.isfinite(p95_ms) else "no p95: too many answers never came"
        findings.add(
            "inference.instant, time to first token",
            saw=f"{p95}, p50 {p50_ms:.0f} ms ({_extent(instant_latency)})",
            want=f"p95 at most {limit_ms:g} ms",
            fix="see in the endpoint's own metrics where it goes (queue, prefill); see samples.json",
        )


@alone
@needs("inference.instant.tokens_per_second_p50")
def test_tokens_come_at_the_promised_rate(findings, evidence, target, instant_latency):
    """Half of all answers stream at the promised rate or faster.

    Why: below reading speed an answer feels stuck; a drop often means that the model runs on the CPU.
    Fix: check that the model is on the GPU and how many requests share it.
    """
    floor = target.inference.instant.tokens_per_second_p50
    samples = len(instant_latency.samples)
    findings.looked_at(samples, "streamed answers")
    rate = instant_latency.tokens_per_second(0.5)
    evidence.measure("token rate p50", rate, "tokens/s", samples=samples, limit=floor)
    if rate < floor:
        findings.add(
            "inference.instant, token rate",
            saw=f"p50 {rate:.1f} tokens/s ({_extent(instant_latency)})",
            want=f"at least {floor:g} tokens/s",
            fix="look at GPU utilisation and batch size while serving; add a replica",
        )


def _extent(report):
    extent = f"{len(report.samples)} answers, {report.concurrency} at a time"
    if not report.misses:
        return f"{extent}, no misses"
    return f"{extent}, {len(report.misses)} misses; the first: {report.misses[0]}"
