"""One request on a connection of its own; while it is under way, nothing is done but to note the time."""

from __future__ import annotations

import asyncio
from time import monotonic_ns

LAST_CHUNK = b"0\r\n\r\n"
CLOSES_WITHIN_S = 0.5
"""After the last chunk of an answer; a server that keeps the connection open is hung up on."""


class Allowance:
    """Bytes that all answers together may still have."""

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most


class Exchange(asyncio.Protocol):
    """What was sent, and each piece of bytes that came back with the moment it was there.

    Moments are nanoseconds of the monotonic clock. ``data_received`` notes the time first and parses
    nothing: that is done when the clock does not matter any more. ``connected_ns`` and ``sent_ns`` are 0
    where it did not come to that.
    """

    __slots__ = (
        "_allowance", "_closing", "_left", "began_ns", "broken", "connected_ns", "ended_ns", "intended_ns",
        "over", "pieces", "sent_ns", "transport",
    )  # fmt: skip

    def __init__(self, longest: int, allowance: Allowance) -> None:
        self.pieces: list[tuple[int, bytes]] = []
        self.broken: str | None = None
        self.began_ns = monotonic_ns()
        self.connected_ns = self.intended_ns = self.sent_ns = self.ended_ns = 0
        self.transport: asyncio.Transport | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left, self._allowance = longest, allowance
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, its TLS handshake done."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.connected_ns = monotonic_ns()

    def send(self, request: bytes, intended_ns: int) -> None:
        """Send the request whose time has come."""
        assert self.transport
        self.intended_ns = intended_ns
        self.sent_ns = monotonic_ns()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note when the bytes were there."""
        self.pieces.append((monotonic_ns(), data))
        self._left -= len(data)
        self._allowance.left -= len(data)
        if self._left < 0 or self._allowance.left < 0:
            what = "the answer is" if self._left < 0 else "all answers together are"
            self.give_up(f"{what} longer than what is read: broken off")
        elif data.endswith(LAST_CHUNK) and not self._closing and self.transport:
            self._closing = True
            asyncio.get_running_loop().call_later(CLOSES_WITHIN_S, self.transport.close)

    def give_up(self, why: str) -> None:
        """Break the request off; it is a miss."""
        if self.broken is None and not self.over.done():
            self.broken = why
            if self.transport:
                self.transport.abort()
            else:
                self._settle()

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end, by whoever ended it."""
        if error is not None and self.broken is None:
            self.broken = f"the connection broke: {str(error) or type(error).__name__}"
        self._settle()

    def _settle(self) -> None:
        self.ended_ns = monotonic_ns()
        if not self.over.done():
            self.over.set_result(None)
