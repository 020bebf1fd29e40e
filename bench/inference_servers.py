"""Reference inference servers as processes of their own, while something is measured against them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from fixtures.reference.model import HOST
from shipworthy.probes.inference import ChatEndpoint

KEY, MODEL = "sk-of-the-bench", "instant-1"
READY_S = 30


@contextmanager
def serving(**settings: float | str) -> Iterator[ChatEndpoint]:
    """Serve; settings are those of the server's environment (``TTFT_MS``, ``GAP_MS``, ``FAULT`` …)."""
    port = _free_port()
    said = {"PORT": port, "MODEL": MODEL, "API_KEY": KEY, "TTFT_MS": 40, "GAP_MS": 5, **settings}
    process = subprocess.Popen(
        [sys.executable, "-m", "fixtures.reference.services.inference"],
        env={**os.environ, **{name: str(value) for name, value in said.items()}},
    )
    try:
        _wait(f"http://{HOST}:{port}/healthz")
        yield ChatEndpoint("bench", f"http://{HOST}:{port}/v1", MODEL, KEY)
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait(url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer within {READY_S} s")
