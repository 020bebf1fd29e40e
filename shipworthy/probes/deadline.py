"""Sockets that no server can hold up: every read and write of a request ends at the request's deadline.

A time limit for each read alone is none at all: a server that sends one byte before each limit holds
a caller up for hours, in the head of an answer as well as in its body.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any, Self

import httpcore

WRITTEN_AT_ONCE = 64 * 1024
CONNECTIONS = 1024
"""More than the most callers at once that a target file may declare."""


class Patience(float):
    """The longest silence in seconds, ended by a deadline on the monotonic clock that several waits share."""

    deadline: float

    def __new__(cls, silence_s: float | None, deadline: float) -> Self:
        """Make one; None: only the deadline ends a silence."""
        made = super().__new__(cls, math.inf if silence_s is None else silence_s)
        made.deadline = deadline
        return made

    @property
    def left_s(self) -> float:
        """How long the next wait may take; not above 0 once the deadline has passed."""
        return min(float(self), self.deadline - time.monotonic())


def patient(timeouts: Mapping[str, float | None], deadline: float) -> dict[str, Patience]:
    """Let all waits of one request end at one deadline."""
    return {step: Patience(timeouts.get(step), deadline) for step in ("connect", "read", "write", "pool")}


def _left_s(timeout: float | None, late: type[Exception]) -> float | None:
    if not isinstance(timeout, Patience):
        return timeout
    if timeout.left_s <= 0:
        raise late("the deadline has passed")
    return timeout.left_s


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes know the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left_s(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), WRITTEN_AT_ONCE):
            part = buffer[begin : begin + WRITTEN_AT_ONCE]
            self._inner.write(part, _left_s(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _DeadlineBackend(httpcore.NetworkBackend):
    """Opens such connections."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(
            self._inner.connect_tcp(host, port, left_s, local_address, socket_options=socket_options)
        )

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.connect_unix_socket(path, left_s, socket_options=socket_options))


def deadline_pool(context: ssl.SSLContext) -> httpcore.ConnectionPool:
    """Make a pool of such connections; a request's own deadline is in its timeouts (``patient``)."""
    return httpcore.ConnectionPool(
        ssl_context=context,
        max_connections=CONNECTIONS,
        max_keepalive_connections=20,
        keepalive_expiry=5.0,
        network_backend=_DeadlineBackend(),
    )
