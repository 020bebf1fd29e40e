"""A streaming server that knows when it wrote what: ``python -m bench.truth`` with its pacing as JSON.

It says its port on standard output, and then for each answer one line: when the request was there and when
each event was written, in nanoseconds of the wall clock. Of a request that is the kernel's own note of when
its last bytes came in (``SO_TIMESTAMPNS``, Linux), so that what this process needs to accept and to read, of
256 at once, is not taken for the client's error.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import time_ns


@dataclass(frozen=True, slots=True)
class Pacing:
    """When each event of an answer is due."""

    first_s: float = 0.1
    gap_s: float = 0.01
    tokens: int = 30
    stall_s: float = 0.19
    """The one longer gap, in the middle; 0: none."""

    def due_s(self) -> list[float]:
        """Give the moments of all events, counted from the request."""
        moments = [self.first_s]
        for number in range(1, self.tokens):
            stalls = self.stall_s and number == self.tokens // 2
            moments.append(moments[-1] + (self.stall_s if stalls else self.gap_s))
        return moments


def event(text: str, finish_reason: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    """Give one event in OpenAI's shape, framed for chunked coding."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish_reason}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": usage}
    data = f"data: {json.dumps(body | {'choices': [choice]})}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
MODELS = json.dumps(
    {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "b"}]}
)
PLAIN = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(MODELS)}\r\n\r\n{MODELS}"


SO_TIMESTAMPNS = 35
"""Not in ``socket``; the value of all architectures that matter here (asm-generic/socket.h)."""
SECONDS_AND_NANOSECONDS = struct.Struct("=qq")


class Connection:
    """One caller; everything is called by the loop when its socket can be read or an event is due."""

    def __init__(self, sock: socket.socket, events: list[tuple[float, bytes]]) -> None:
        self._socket, self._events = sock, events
        self._received = b""
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asyncio.get_running_loop().add_reader(sock, self._read)

    def _read(self) -> None:
        try:
            data, told, *_ = self._socket.recvmsg(65536, 64)
        except ConnectionError:
            data, told = b"", []
        if not data:
            self._close()
            return
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if end and len(body) >= int(fields.get(b"content-length", b"0")):
            self._received = b""
            if head.startswith(b"POST"):
                self._answer(_came_ns(told), closes=fields.get(b"connection") == b"close")
            else:
                self._socket.send(PLAIN.encode())

    def _answer(self, came_ns: int, *, closes: bool) -> None:
        loop, moments = asyncio.get_running_loop(), [came_ns]
        begun_s = loop.time() - (time_ns() - came_ns) / 1e9
        self._write(HEAD)

        def write(event: bytes) -> None:
            moments.append(time_ns())
            self._write(event)

        def end(last: bytes) -> None:
            write(last)
            sys.stdout.write(json.dumps(moments) + "\n")
            if closes:
                self._close()

        *before, (last_s, last) = self._events
        for due_s, event in before:
            loop.call_at(begun_s + due_s, write, event)
        loop.call_at(begun_s + last_s, end, last)

    def _write(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except ConnectionError:
            return  # it is closed where nothing more is to be read of it

    def _close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


def _came_ns(told: list[tuple[int, int, bytes]]) -> int:
    """Give the kernel's note of when what was just read came in."""
    ((_, _, stamp),) = told
    seconds, nanoseconds = SECONDS_AND_NANOSECONDS.unpack(stamp)
    return int(seconds * 1_000_000_000 + nanoseconds)


def _events(pacing: Pacing) -> list[tuple[float, bytes]]:
    """Give each event of an answer with its moment; what ends the answer is written with the last."""
    usage = {"prompt_tokens": 1, "completion_tokens": pacing.tokens, "total_tokens": pacing.tokens + 1}
    end = event("", "length", usage) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    written = [event(f"t{number} ") for number in range(pacing.tokens)]
    return list(zip(pacing.due_s(), [*written[:-1], written[-1] + end], strict=True))


def _accepting(server: socket.socket, events: list[tuple[float, bytes]]) -> Callable[[], None]:
    def accept() -> None:
        try:
            while True:
                Connection(server.accept()[0], events)
        except BlockingIOError:
            return

    return accept


async def serve(pacing: Pacing) -> None:
    """Serve until standard input is closed."""
    loop = asyncio.get_running_loop()
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # connections inherit it
        server.bind(("127.0.0.1", 0))
        server.listen(1024)
        server.setblocking(False)
        loop.add_reader(server, _accepting(server, _events(pacing)))
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        await loop.run_in_executor(None, sys.stdin.read)
        loop.remove_reader(server)
    sys.stdout.flush()


def told(pacing: Pacing) -> str:
    """Give the argument that ``python -m bench.truth`` takes."""
    return json.dumps(asdict(pacing))


if __name__ == "__main__":
    asyncio.run(serve(Pacing(**json.loads(sys.argv[1]))))
