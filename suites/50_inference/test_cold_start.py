"""An endpoint that scales to zero: that it does, and what its first callers wait for."""

from shipworthy import ProbeError, alone_with, needs
from shipworthy.probes.inference import needed_samples, percentile
from shipworthy.probes.inference.cold_picture import draw_cold_starts

PHASES_BEYOND = 1.1
"""Phases that take longer than this share of the way to the first token were not measured, or not here."""


@alone_with("inference.thinking")
@needs("inference.thinking.serverless", "inference.thinking.idle_url")
def test_the_count_of_workers_can_be_believed(findings, target, cold_run):
    """What `idle_url` tells agrees with what callers see: workers after an answer, a start after zero.

    Why: "zero workers" is what the bill and every cold start here rest on.
    Fix: count the machines that the provider counts, starting ones included, and without a cache.
    """
    idle_url = target.inference.thinking.idle_url
    findings.looked_at(1 + len(cold_run.starts), "counts after an answer")
    counts = [cold_run.workers_when_warm, *(start.workers_after for start in cold_run.starts)]
    if 0 in counts:
        findings.add(
            idle_url,
            saw=f"0 workers right after an answer ({counts.count(0)} of {len(counts)} times)",
            want="at least the worker that gave the answer",
            fix="count starting and running machines as they are now; look for a cache in between",
        )
    for number, start in enumerate(cold_run.starts, 1):
        if start.started is not None and start.started < 1:
            findings.add(
                f"{idle_url}, cold start {number}",
                saw=f"0 workers before it, yet `starts` went up by {start.started}",
                want="a start for an answer that began with no worker up",
                fix="count a start when a machine is asked for; do not call workers that are asleep zero",
            )
        told_s = sum(start.phases.values())
        if start.first_s is not None and told_s > PHASES_BEYOND * start.first_s:
            findings.add(
                f"{idle_url}, cold start {number}",
                saw=f"phases of {told_s:.2f} s together, and a first token after {start.first_s:.2f} s",
                want="phases that lie between the request and the first token",
                fix="give `phases` of the latest start, in seconds",
            )


@alone_with("inference.thinking")
@needs("inference.thinking.serverless", "inference.thinking.idle_url")
def test_idle_endpoints_scale_to_zero(findings, evidence, target, cold_run):
    """With no requests, the serverless endpoint goes down to zero workers.

    Why: a worker that never stops is a GPU that is paid for day and night.
    Fix: set the minimum of workers to 0 and an idle timeout; look for probes that keep the endpoint awake.
    """
    promised = target.inference.thinking
    if not cold_run.workers_when_warm:
        raise ProbeError(
            f"{promised.idle_url} says zero workers right after an answer: it cannot be believed"
        )
    findings.looked_at(cold_run.workers_when_warm, "workers")
    if cold_run.to_zero_s is None:
        findings.add(
            "inference.thinking",
            saw=f"{cold_run.workers_left} workers up, the last request long over",
            want=f"zero within idle_after_s = {promised.idle_after_s:g} s",
            fix="set minimum workers to 0 and the idle timeout below idle_after_s",
        )
    else:
        evidence.measure("time to zero", cold_run.to_zero_s, "s", samples=1, limit=promised.idle_after_s)


@alone_with("inference.thinking")
@needs("inference.thinking.cold_start_s", "inference.thinking.idle_url")
def test_cold_starts_keep_their_promise(findings, evidence, target, cold_run):
    """From zero workers, the first token comes within the promised time, in every start.

    Why: the first user after a quiet hour waits this long; beyond the client's timeout it is an outage.
    Fix: shrink the image, keep the weights on a network volume or in the snapshot, or keep one worker warm.
    """
    promised_s = target.inference.thinking.cold_start_s
    _must_have_started(cold_run)
    findings.looked_at(len(cold_run.starts), "cold starts")
    evidence.json("cold-starts", cold_run.as_json())
    evidence.text("cold-starts.svg", draw_cold_starts(cold_run, promised_s))
    first_s = [start.first_s for start in cold_run.starts if start.first_s is not None]
    _measure(evidence, cold_run.starts, first_s, promised_s)
    for number, start in enumerate(cold_run.starts, 1):
        if start.troubles:
            findings.add(
                f"inference.thinking, cold start {number}",
                saw=f"{len(start.troubles)} of {start.callers} callers got no complete answer: "
                f"{start.troubles[0]}",
                want=f"a streamed answer, begun within {promised_s:g} s",
                fix="look into the log of the worker that started; gateways and proxies must wait as long",
            )
    slow = [seconds for seconds in first_s if seconds > promised_s]
    if slow:
        findings.add(
            "inference.thinking, from zero workers",
            saw=f"{len(slow)} of {len(first_s)} first tokens came late, the last after {max(slow):.1f} s "
            f"({_in_parts(cold_run)})",
            want=f"within cold_start_s = {promised_s:g} s",
            fix="shrink what is loaded at the start, or promise what it takes and tell users so; see "
            "cold-starts.svg",
        )


def _measure(evidence, starts, first_s, promised_s):
    if first_s:
        evidence.measure(
            "slowest cold start to first token", max(first_s), "s", samples=len(first_s), limit=promised_s
        )
    if len(first_s) >= needed_samples(0.5):
        evidence.measure("cold start p50", percentile(first_s, 0.5), "s", samples=len(first_s))
    for name in dict.fromkeys(name for start in starts for name in start.phases):
        told = [start.phases[name] for start in starts if name in start.phases]
        evidence.measure(f"longest {name} of a cold start", max(told), "s", samples=len(told))


def _in_parts(cold_run):
    slowest = max(cold_run.starts, key=lambda start: start.first_s or 0.0)
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest.parts_s.items())


@alone_with("inference.thinking")
@needs("inference.thinking.serverless", "inference.thinking.idle_url")
def test_first_requests_share_a_machine(findings, evidence, cold_run):
    """Callers who come together while no machine is up wait for one machine, not for one each.

    Why: each machine that starts for nothing is paid for until it is idle again, and slows the others' start.
    Fix: count waiting requests against the capacity of machines that are starting before starting more.
    """
    _must_have_started(cold_run)
    together = [start for start in cold_run.starts if start.callers > 1]
    for start in findings.over(together, "starts with several callers"):
        counted = "workers up after it" if start.started is None else "machines started"
        evidence.measure(f"{counted}, for {start.callers} callers", start.machines, "machines", samples=1)
        if start.machines > 1:
            findings.add(
                f"inference.thinking, {start.callers} callers at once from zero workers",
                saw=f"{start.machines} {counted}",
                want="one",
                fix="scale by requests per machine (RunPod: request count, Modal: allow_concurrent_inputs, "
                "Knative: containerConcurrency), and count machines that are starting",
            )


def _must_have_started(cold_run):
    if not cold_run.workers_when_warm:
        raise ProbeError("idle_url says zero workers right after an answer: no cold start can be proven")
    if cold_run.to_zero_s is None:
        raise ProbeError(f"{cold_run.workers_left} workers stayed up: there was no cold start to look at")
