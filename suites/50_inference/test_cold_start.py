"""An endpoint that scales to zero: that it does, and how long it takes to come back."""

from shipworthy import ProbeError, alone, needs
from shipworthy.probes.inference import start_cold, stream_chat, wait_for_zero, workers_up


@alone
@needs("inference.thinking.serverless", "inference.thinking.idle_url")
def test_idle_endpoints_scale_to_zero(findings, evidence, target, thinking, exchanges):
    """With no requests, the serverless endpoint goes down to zero workers.

    Why: a worker that never stops is a GPU that is paid for day and night.
    Fix: set the minimum of workers to 0 and an idle timeout; look for probes that keep the endpoint awake.
    """
    promised = target.inference.thinking
    with thinking.client() as client:
        stream_chat(client, thinking.request(exchanges.prompt, max_tokens=1))
        if not workers_up(client, promised.idle_url):
            raise ProbeError(
                f"{promised.idle_url} says zero workers right after an answer: it cannot be believed"
            )
        waited_s = wait_for_zero(client, promised.idle_url, promised.idle_after_s)
        findings.looked_at(1, "workers")
        if waited_s is None:
            findings.add(
                "inference.thinking",
                saw=f"{workers_up(client, promised.idle_url)} workers up, the last request long over",
                want=f"zero within idle_after_s = {promised.idle_after_s:g} s",
                fix="set minimum workers to 0 and the idle timeout below idle_after_s",
            )
        else:
            evidence.measure("time to zero", waited_s, "s", samples=1, limit=promised.idle_after_s)


@alone
@needs("inference.thinking.cold_start_s", "inference.thinking.idle_url")
def test_cold_starts_keep_their_promise(findings, evidence, target, thinking, exchanges):
    """From zero workers, the first token comes within the promised time.

    Why: the first user after a quiet hour waits this long; beyond the client's timeout it is an outage.
    Fix: shrink the image, keep the weights on a network volume or in the snapshot, or keep one worker warm.
    """
    promised = target.inference.thinking
    cold = start_cold(thinking, promised.idle_url, exchanges.prompt, promised.idle_after_s)
    assert cold.workers_after > 0, f"{promised.idle_url} says zero workers right after an answer"
    findings.looked_at(1, "cold starts")
    record = cold.record
    if record.incomplete or not record.timing:
        findings.add(
            "inference.thinking, from zero workers",
            saw=f"no complete answer: {record.incomplete}",
            want=f"a streamed answer, begun within {promised.cold_start_s:g} s",
            fix="look into the log of the worker that started; gateways and proxies must wait that long too",
        )
        return
    first_s = record.timing.first_token_s
    evidence.measure("cold start to first token", first_s, "s", samples=1, limit=promised.cold_start_s)
    if first_s > promised.cold_start_s:
        findings.add(
            "inference.thinking, from zero workers",
            saw=f"first token after {first_s:.1f} s",
            want=f"within cold_start_s = {promised.cold_start_s:g} s",
            fix="shrink what is loaded at the start, or promise what it takes and tell users so",
        )
