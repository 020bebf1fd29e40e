"""What the devices do, and how many tokens come, while several streams are served together."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import TypeAdapter

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.calls import stream_chat
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.gpu import Reading, Sources, ask_provider, read_gpu
from shipworthy.probes.inference.stream import StreamRecord

STREAMS = 8
TOKENS = 64
READ_EVERY_S = 0.1
FEWEST_WAVES = 2
PROMPT = "Explain to caller {} in many words how a lighthouse works."


@dataclass(frozen=True, slots=True)
class Together:
    """Streams that were served at the same time."""

    tokens: int
    seconds: float
    """From the first request to the last token."""

    @property
    def per_second(self) -> float:
        """Output tokens per second of all together."""
        return self.tokens / self.seconds


@dataclass(frozen=True, slots=True)
class Serving:
    """What was read while streams were served, wave after wave."""

    waves: tuple[Together, ...]
    readings: tuple[Reading, ...]
    provider: str | None
    """What the provider said of the endpoint; None where none is declared."""

    @property
    def fastest(self) -> Together:
        """The wave with the highest rate: what the hardware reaches, disturbances left out."""
        return max(self.waves, key=lambda wave: wave.per_second)

    @property
    def busiest(self) -> float | None:
        """The highest utilisation that was read; None where no source tells."""
        return max((r.busiest for r in self.readings if r.busiest is not None), default=None)

    def as_json(self) -> dict[str, Any]:
        """Give everything as JSON, to be kept and judged again."""
        data: dict[str, Any] = SERVING.dump_python(self, mode="json")
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Serving:
        """Take back what ``as_json`` gave."""
        return SERVING.validate_python(data)


SERVING = TypeAdapter(Serving)


def watch_serving(
    endpoint: ChatEndpoint, sources: Sources, *, busy: float, within_s: float, streams: int = STREAMS
) -> Serving:
    """Serve waves of streams and read the sources meanwhile, until they show a device that works.

    At least two waves; exporters that look at the devices every so often may need more.

    Args:
        endpoint: what serves.
        sources: where the devices are read.
        busy: the utilisation (0 to 1) that is waited for.
        within_s: no wave begins later.
        streams: how many are served together.

    Raises:
        ProbeError: an answer did not come, or a source could not be read.

    """
    deadline = time.monotonic() + within_s
    waves, readings = list[Together](), list[Reading]()
    with endpoint.client() as client, ThreadPoolExecutor(streams) as callers:
        _whole(stream_chat(client, endpoint.request(PROMPT.format("zero"), max_tokens=1)), endpoint)
        while len(waves) < FEWEST_WAVES or (time.monotonic() < deadline and not _seen(readings, busy)):
            begun_at = time.monotonic()
            running = [callers.submit(_stream, client, endpoint, number) for number in range(streams)]
            readings += _read_until(running, sources)
            records = [stream.result() for stream in running]
            ended_at = max(sent_at + _last_text_s(record) for sent_at, record in records)
            waves.append(Together(sum(_tokens(record) for _, record in records), ended_at - begun_at))
    return Serving(tuple(waves), tuple(readings), ask_provider(sources))


def _seen(readings: list[Reading], busy: float) -> bool:
    known = [reading.busiest for reading in readings if reading.busiest is not None]
    return not known or max(known) >= busy


def _read_until(streams: list[Future[tuple[float, StreamRecord]]], sources: Sources) -> list[Reading]:
    """Read again and again while the streams run; at least once."""
    readings = [read_gpu(sources)]
    while wait(streams, timeout=READ_EVERY_S).not_done:
        readings.append(read_gpu(sources))
    return readings


def _stream(client: httpx.Client, endpoint: ChatEndpoint, number: int) -> tuple[float, StreamRecord]:
    sent_at = time.monotonic()
    usage = {"include_usage": True}
    body = endpoint.request(PROMPT.format(number), max_tokens=TOKENS, stream_options=usage)
    return sent_at, _whole(stream_chat(client, body), endpoint)


def _whole(record: StreamRecord, endpoint: ChatEndpoint) -> StreamRecord:
    if record.incomplete:
        raise ProbeError(
            f"{endpoint.name} gave no complete stream to look at the GPU by: {record.incomplete}"
        )
    return record


def _last_text_s(record: StreamRecord) -> float:
    assert record.timing  # a whole stream has text
    return record.timing.last_token_s


def _tokens(record: StreamRecord) -> int:
    if record.usage:
        return record.usage.completion_tokens
    return sum(bool(c.delta.text) for chunk in record.chunks for c in chunk.choices)
