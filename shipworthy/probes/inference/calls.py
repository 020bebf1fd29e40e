"""Asking an endpoint: one request, everything that came back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import ValidationError

from shipworthy.probes.http import CutOffError, Ending, media_type
from shipworthy.probes.inference.models import ChatCompletion, ErrorBody, ModelList
from shipworthy.probes.inference.shape import read
from shipworthy.probes.inference.sse import EventTooLongError, SseParser
from shipworthy.probes.inference.stream import Arrival, StreamRecord

KEPT_RAW = 64 * 1024
LARGEST_STREAM = 16 * 1024 * 1024
"""Bytes of one streamed answer: 100,000 tokens, each a chunk of 160 bytes."""
MOST_EVENTS = 200_000
READS: Mapping[str, Any] = {"reads": True}
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer in one piece."""

    status: int
    headers: httpx.Headers
    content: bytes

    def json(self) -> Any:
        """Decode the body.

        Raises:
            ValueError: it is no JSON.

        """
        try:
            return json.loads(self.content)
        except RecursionError:
            raise ValueError("it is nested too deeply to be read") from None

    @property
    def media_type(self) -> str:
        """What kind of body it says it has: ``application/json``."""
        return media_type(self.headers.get("content-type", ""))

    @property
    def completion(self) -> ChatCompletion | ValidationError:
        """The body as a chat completion, or what keeps it from being one."""
        return read(ChatCompletion, self.content)

    @property
    def error(self) -> ErrorBody | ValidationError:
        """The body as an error in OpenAI's shape, or what keeps it from being one."""
        return read(ErrorBody, self.content)

    @property
    def model_list(self) -> ModelList | ValidationError:
        """The body as a list of models, or what keeps it from being one."""
        return read(ModelList, self.content)

    @property
    def excerpt(self) -> str:
        """Its beginning, for a finding; of a redirect where it points."""
        location = self.headers.get("location")
        pointed = f" to {location[:200]}" if location and 300 <= self.status < 400 else ""
        return f"HTTP {self.status}{pointed} {self.content[:160].decode(errors='replace')!r}"


def ask(client: httpx.Client, method: str, path: str, content: bytes | None = None) -> Answer:
    """Send one request to a path below the endpoint's address.

    Raises:
        ProbeError: no answer.

    """
    headers = {"Content-Type": "application/json"} if content is not None else {}
    response = client.request(method, path, content=content, headers=headers, extensions={**READS})
    return Answer(response.status_code, response.headers, response.content)


def chat(client: httpx.Client, body: Body) -> Answer:
    """Ask for an answer in one piece."""
    request = client.build_request("POST", "chat/completions", json=dict(body), extensions={**READS})
    response = client.send(request)
    return Answer(response.status_code, response.headers, response.content)


def stream_chat(client: httpx.Client, body: Body, *, largest: int = LARGEST_STREAM) -> StreamRecord:
    """Ask for a streamed answer and note when each event arrives.

    A stream that breaks off, is too long or never ends is a fact of the record (``broken``, ``ending``).

    Raises:
        ProbeError: no answer began.

    """
    asked = {**body, "stream": True}
    request = client.build_request("POST", "chat/completions", json=asked, extensions={**READS})
    reading = _Reading(time.monotonic(), largest)
    response = client.send(request, stream=True)
    try:
        broken, ending = reading.whole(response)
    finally:
        response.close()
    return StreamRecord(
        status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        arrivals=tuple(reading.arrivals),
        ended_s=time.monotonic() - reading.sent,
        broken=broken,
        rest=reading.parser.pending[:KEPT_RAW],
        raw=bytes(reading.raw),
        size=reading.size,
        ending=ending,
        coding=response.extensions.get("coding", ""),
        http_version=response.http_version,
        location=response.headers.get("location") if response.is_redirect else None,
    )


@dataclass(slots=True)
class _Reading:
    """A stream while it comes."""

    sent: float
    largest: int
    parser: SseParser = field(default_factory=SseParser)
    arrivals: list[Arrival] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    size: int = 0

    def whole(self, response: httpx.Response) -> tuple[str | None, Ending]:
        """Read to the end; give what kept it from ending by itself, and how it ended."""
        try:
            for piece in response.iter_raw():
                self._take(piece, time.monotonic() - self.sent)
        except CutOffError as error:
            return f"the stream broke off: {error}", error.ending
        except EventTooLongError as error:
            return f"the stream was given up: {error}", Ending.TOO_LARGE
        return None, Ending.COMPLETE

    def _take(self, piece: bytes, at_s: float) -> None:
        self.size += len(piece)
        self.raw += piece[: KEPT_RAW - len(self.raw)]
        self.arrivals += [Arrival(at_s, event) for event in self.parser.feed(piece)]
        if self.size > self.largest or len(self.arrivals) > MOST_EVENTS:
            extent = f"{self.size} bytes and {len(self.arrivals)} events"
            raise CutOffError(f"it sent {extent} without an end", Ending.TOO_LARGE)
