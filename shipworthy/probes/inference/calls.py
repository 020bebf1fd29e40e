"""Asking an endpoint: one request, everything that came back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import ValidationError

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.models import ChatCompletion, ErrorBody, ModelList
from shipworthy.probes.inference.shape import read
from shipworthy.probes.inference.sse import EventTooLongError, SseParser
from shipworthy.probes.inference.stream import Arrival, StreamRecord

KEPT_RAW = 64 * 1024
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
        return json.loads(self.content)

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
        """Its beginning, for a finding."""
        return f"HTTP {self.status} {self.content[:160].decode(errors='replace')!r}"


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


def stream_chat(client: httpx.Client, body: Body) -> StreamRecord:
    """Ask for a streamed answer and note when each event arrives.

    A stream that breaks off, is too long or never ends is a fact of the record (``broken``).

    Raises:
        ProbeError: no answer began.

    """
    asked = {**body, "stream": True}
    request = client.build_request("POST", "chat/completions", json=asked, extensions={**READS})
    sent = time.monotonic()
    response = client.send(request, stream=True)
    parser, arrivals, raw, broken = SseParser(), list[Arrival](), bytearray(), None
    try:
        for piece in response.iter_raw():
            at_s = time.monotonic() - sent
            raw += piece[: KEPT_RAW - len(raw)]
            arrivals += [Arrival(at_s, event) for event in parser.feed(piece)]
    except (ProbeError, EventTooLongError, httpx.TransportError) as error:
        broken = f"the stream broke off: {str(error) or type(error).__name__}"
    finally:
        response.close()
    return StreamRecord(
        status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        arrivals=tuple(arrivals),
        ended_s=time.monotonic() - sent,
        broken=broken,
        rest=parser.pending,
        raw=bytes(raw),
    )
