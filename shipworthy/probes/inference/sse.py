"""Server-sent events, parsed from bytes by the specification.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\r|\n")
SHOWN, BEFORE = 160, 60
"""Bytes of an excerpt, and how many of them stand before the place that matters."""
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
    wire: bytes = b""
    """The whole event as it was sent: every field and comment, up to its empty line."""
    offset: int = 0
    """Where it begins in the stream, in bytes."""

    def excerpt(self, *telling: bytes) -> str:
        """Its bytes for a finding, with their place: around the first of some bytes, or its beginning."""
        places = (self.wire.find(part) for part in telling if part)
        begin = max(0, next((place for place in places if place >= 0), 0) - BEFORE)
        shown = self.wire[begin : begin + SHOWN]
        return f"at byte {self.offset + begin} {shown!r}"


@dataclass(slots=True)
class SseParser:
    """Takes the bytes of a stream in any pieces and gives the events that they complete.

    Line ends may be LF, CR or CRLF; one space after the colon is optional; comments and
    unknown fields are passed over; an event that the stream does not finish is not given.
    """

    longest: int = LONGEST_EVENT
    comments: int = 0
    """Comment lines seen so far (pings, mostly)."""
    _wire: bytearray = field(default_factory=bytearray)
    """What came since the last empty line."""
    _line: int = 0
    """Where in it the line begins that is not yet complete."""
    _offset: int = 0
    """Where in the stream it begins."""
    _at_start: bool = True
    _after_cr: bool = False
    _data: list[bytes] = field(default_factory=list)
    _name: str = ""
    _id: str = ""

    @property
    def pending(self) -> bytes:
        """What came after the last complete event, as it came: empty at a clean end."""
        return bytes(self._wire)

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Take the next bytes and give the events that end in them.

        Raises:
            EventTooLongError: an event is longer than ``longest`` bytes.

        """
        begin = self._second_half_of_crlf(piece)
        for end in LINE_END.finditer(piece, begin):
            self._wire += piece[begin : end.end()]
            line = bytes(self._wire[self._line : -len(end[0])])
            self._line = len(self._wire)
            begin = end.end()
            event = self._take(line)
            if event:
                yield event
        self._wire += piece[begin:]
        if piece:
            self._after_cr = piece.endswith(b"\r")
        if len(self._wire) > self.longest:
            raise EventTooLongError(f"an event is longer than {self.longest} bytes")

    def _second_half_of_crlf(self, piece: bytes) -> int:
        """Pass over the LF of a CRLF that two pieces share: its CR has ended the line."""
        if not (self._after_cr and piece.startswith(b"\n")):
            return 0
        if self._wire:
            self._wire += b"\n"
            self._line += 1
        else:
            self._offset += 1
        return 1

    def _take(self, line: bytes) -> Event | None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line:
            return self._dispatch()
        name, colon, value = line.partition(b":")
        if not name and colon:
            self.comments += 1
            return None
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._name = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        return None

    def _dispatch(self) -> Event | None:
        data, name, wire, offset = self._data, self._name, bytes(self._wire), self._offset
        self._data, self._name = [], ""
        self._offset += len(wire)
        self._wire.clear()
        self._line = 0
        if not data:
            return None
        raw = b"\n".join(data)
        return Event(raw.decode(errors="replace"), name or "message", self._id, raw, wire, offset)
