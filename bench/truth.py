"""A streaming server that knows when it wrote what: ``python -m bench.truth`` with its pacing as JSON.

It says its port on standard output, and then for each answer one line: when the request was there and when
each event was written, in nanoseconds of the monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from time import monotonic_ns


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


async def serve(pacing: Pacing) -> None:
    """Serve until standard input is closed."""
    due_s = pacing.due_s()
    usage = {"prompt_tokens": 1, "completion_tokens": pacing.tokens, "total_tokens": pacing.tokens + 1}
    last = event("", "length", usage) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"

    async def answer(writer: asyncio.StreamWriter) -> list[int]:
        loop, moments = asyncio.get_running_loop(), [monotonic_ns()]
        begun = loop.time()
        writer.write(HEAD)
        for number, moment_s in enumerate(due_s):
            await asyncio.sleep(max(0.0, begun + moment_s - loop.time()))
            moments.append(monotonic_ns())
            writer.write(event(f"t{number} "))
        writer.write(last)
        return moments

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
                await reader.readexactly(int(fields.get(b"content-length", b"0")))
                if not head.startswith(b"POST"):
                    writer.write(PLAIN.encode())
                    continue
                sys.stdout.write(json.dumps(await answer(writer)) + "\n")
                if fields.get(b"connection") == b"close":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    sys.stdout.flush()


def told(pacing: Pacing) -> str:
    """Give the argument that ``python -m bench.truth`` takes."""
    return json.dumps(asdict(pacing))


if __name__ == "__main__":
    asyncio.run(serve(Pacing(**json.loads(sys.argv[1]))))
