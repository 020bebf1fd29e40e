"""Servers that send exactly these bytes, and samples made by hand."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from shipworthy.probes.inference import ChatEndpoint
from shipworthy.probes.inference.meter import Lateness, Measurement, Phase, Plan, Request, Sample, streamed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
Script = Callable[[Any, bytes], None]


def chunk(text: str = "", finish_reason: str | None = None, **more: Any) -> bytes:
    """One event of a streamed answer."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish_reason}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(body | more)}\n\n".encode()


ANSWER = chunk("one") + chunk(" two") + chunk(finish_reason="stop") + b"data: [DONE]\n\n"


def send(*pieces: bytes) -> Script:
    """Send these bytes and hang up, whatever was asked."""

    def script(connection: Any, _: bytes) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return script


@contextmanager
def speaking(script: Script) -> Iterator[str]:
    """Serve a script on loopback, a thread for each connection."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked = b""
            while b"\r\n\r\n" not in asked:
                piece = self.request.recv(65536)
                if not piece:
                    return
                asked += piece
            try:
                script(self.request, asked)
            except OSError:
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join(10)


@pytest.fixture
def speak() -> Iterator[Callable[[Script], ChatEndpoint]]:
    """Start a scripted server and give its endpoint."""
    with ExitStack() as servers:
        yield lambda script: ChatEndpoint("e", servers.enter_context(speaking(script)), "m", "sk-key")


def plan_for(endpoint: ChatEndpoint, count: int = 1, callers: int = 1, **bounds: Any) -> Plan:
    """A closed loop of equal requests."""
    request = Request(streamed(endpoint, "Ships?", max_tokens=2))
    return Plan((endpoint,), (Phase((request,) * count, callers=callers),), **bounds)


def sample(**changes: Any) -> Sample:
    """A complete answer: first token after 100 ms, then three gaps of 10 ms."""
    told: dict[str, Any] = {
        "label": "", "endpoint": 0, "phase": 0, "intended_s": 0.0, "sent_s": 0.0, "connect_s": 0.0,
        "miss": None, "first_token_s": 0.1, "last_token_s": 0.13, "ended_s": 0.131,
        "gaps_s": (0.01, 0.01, 0.01), "tokens": 4,
    }  # fmt: skip
    return Sample(**{**told, **changes})


def missed(why: str = "HTTP 500", **changes: Any) -> Sample:
    """An answer that broke the contract."""
    none: dict[str, Any] = {
        "miss": why,
        "first_token_s": None,
        "last_token_s": None,
        "gaps_s": (),
        "tokens": 0,
    }
    return sample(**{**none, **changes})


def on_time(**changes: Any) -> Lateness:
    """A meter that was never late."""
    told: dict[str, Any] = {
        "processes": 1, "ticks": 100, "lag_p50_s": 0.0, "lag_p99_s": 0.0, "lag_max_s": 0.0,
        "sent_p99_s": 0.0, "sent_max_s": 0.0,
    }  # fmt: skip
    return Lateness(**{**told, **changes})


def measured(*samples: Sample, **changes: Any) -> Measurement:
    """A measurement of these."""
    return Measurement(samples, changes.pop("lateness", on_time()), changes.pop("elapsed_s", 1.0), **changes)
