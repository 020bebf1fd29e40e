"""An endpoint that scales to zero: how many workers are up, and how long the first token takes from none."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.calls import ask, stream_chat
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.stream import StreamRecord

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One streamed answer that began with no worker up."""

    record: StreamRecord
    workers_after: int
    """Workers right after the answer; 0 would mean that the count is not to be believed."""


def workers_up(client: httpx.Client, idle_url: str) -> int:
    """Ask how many workers are up.

    Raises:
        ProbeError: the answer is not ``{"workers": n}``.

    """
    answer = ask(client, "GET", idle_url)
    try:
        workers = answer.json()["workers"]
    except (ValueError, KeyError, TypeError):
        workers = None
    if not isinstance(workers, int) or workers < 0:
        raise ProbeError(f'{idle_url}: {answer.excerpt}; it has to answer {{"workers": n}}')
    return workers


def wait_for_zero(client: httpx.Client, idle_url: str, within_s: float) -> float | None:
    """Wait until no worker is up; give the seconds that took, None where it did not happen in time."""
    begun = time.monotonic()
    while workers_up(client, idle_url):
        if time.monotonic() - begun > within_s:
            return None
        time.sleep(POLL_S)
    return time.monotonic() - begun


def start_cold(endpoint: ChatEndpoint, idle_url: str, prompt: str, within_s: float) -> ColdStart:
    """Wait until no worker is up, then stream one short answer.

    Raises:
        ProbeError: workers were still up after ``within_s`` seconds.

    """
    with endpoint.client() as client:
        if wait_for_zero(client, idle_url, within_s) is None:
            raise ProbeError(
                f"{endpoint.name} did not scale to zero within {within_s:g} s: no cold start to time"
            )
        record = stream_chat(client, endpoint.request(prompt, max_tokens=8))
        return ColdStart(record, workers_up(client, idle_url))
