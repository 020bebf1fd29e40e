"""Server-sent events, parsed from bytes by the specification.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_EVENT = 4 * 1024 * 1024


class EventTooLongError(ValueError):
    """An event grew beyond what is read: no end of line, or no end of event."""


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event."""

    data: str
    """Lines of the data joined by newlines; bytes that are no UTF-8 read as U+FFFD."""
    name: str = "message"
    id: str = ""
    raw: bytes = b""
    """The data as it was sent, before decoding."""


@dataclass(slots=True)
class SseParser:
    """Takes the bytes of a stream in any pieces and gives the events that they complete.

    Line ends may be LF, CR or CRLF; one space after the colon is optional; comments and
    unknown fields are passed over; an event that the stream does not finish is not given.
    """

    longest: int = LONGEST_EVENT
    comments: int = 0
    """Comment lines seen so far (pings, mostly)."""
    _line: bytearray = field(default_factory=bytearray)
    _at_start: bool = True
    _after_cr: bool = False
    _data: list[bytes] = field(default_factory=list)
    _size: int = 0
    _name: str = ""
    _id: str = ""

    @property
    def pending(self) -> bytes:
        """What came after the last complete event: empty at a clean end."""
        return b"\n".join([*self._data, bytes(self._line)])

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Take the next bytes and give the events that end in them.

        Raises:
            EventTooLongError: an event is longer than ``longest`` bytes.

        """
        for line in self._lines(piece):
            event = self._take(line)
            if event:
                yield event

    def _lines(self, piece: bytes) -> Iterator[bytes]:
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if piece.endswith(b"\r"):
            self._after_cr = True
        *complete, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for end in complete:
            line = bytes(self._line + end)
            self._line.clear()
            yield self._without_mark(line)
        self._line += rest
        if len(self._line) + self._size > self.longest:
            raise EventTooLongError(f"an event is longer than {self.longest} bytes")

    def _without_mark(self, line: bytes) -> bytes:
        if self._at_start:
            self._at_start = False
            return line.removeprefix(BYTE_ORDER_MARK)
        return line

    def _take(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        name, colon, value = line.partition(b":")
        if not name and colon:
            self.comments += 1
            return None
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value) + 1
        elif name == b"event":
            self._name = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        return None

    def _dispatch(self) -> Event | None:
        data, name = self._data, self._name
        self._data, self._name, self._size = [], "", 0
        if not data:
            return None
        raw = b"\n".join(data)
        return Event(raw.decode(errors="replace"), name or "message", self._id, raw)
