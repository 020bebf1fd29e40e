"""From pieces of bytes with their moments to what was answered, and when; the clock is off by now."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import h11

from shipworthy.probes.inference.meter.sample import Sample
from shipworthy.probes.inference.sse import EventTooLongError, SseParser
from shipworthy.probes.inference.stream import Arrival, StreamRecord

Pieces = Sequence[tuple[int, bytes]]
KEPT_RAW = 64 * 1024
SHOWN = 80
CONTENT_TYPE = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Heard:
    """One exchange in plain numbers; moments in nanoseconds of the monotonic clock."""

    pieces: Pieces
    began_ns: int
    connected_ns: int
    """0 where no connection was made."""
    intended_ns: int
    sent_ns: int
    """0 where it was not sent."""
    ended_ns: int
    broken: str | None


def read_stream(heard: Heard) -> StreamRecord:
    """Take HTTP and events apart; each event is given the moment of the piece that completed it."""
    parser, arrivals, raw = SseParser(), list[Arrival](), bytearray()
    status, headers, broken = 0, dict[str, str](), heard.broken
    if not heard.pieces:
        broken = broken or "the connection was closed before an answer"
    last_ns = heard.pieces[-1][0] if heard.pieces else heard.ended_ns
    try:
        for at_ns, event in _http(heard.pieces, ended=broken is None):
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            else:
                raw += event.data[: KEPT_RAW - len(raw)]
                at_s = (at_ns - heard.intended_ns) / 1e9
                arrivals += [Arrival(at_s, found) for found in parser.feed(bytes(event.data))]
    except h11.RemoteProtocolError as error:
        beginning = b"".join(piece for _, piece in heard.pieces[:4])[:SHOWN]
        broken = broken or f"no whole answer over HTTP/1.1: {error}; it begins {beginning!r}"
    except EventTooLongError as error:
        broken = broken or str(error)
    if (coding := headers.get("content-encoding", "identity")) != "identity":
        broken = broken or f"content-encoding {coding}, which was not accepted"
    return StreamRecord(
        status=status,
        content_type=headers.get("content-type", ""),
        arrivals=tuple(arrivals),
        ended_s=(last_ns - heard.intended_ns) / 1e9,
        broken=broken,
        rest=parser.pending,
        raw=bytes(raw),
    )


def _http(pieces: Pieces, *, ended: bool) -> Iterator[tuple[int, h11.Response | h11.Data]]:
    """Give the answer's head and the parts of its body, each with the moment of the piece it came in."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "_"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    last_ns = pieces[-1][0] if pieces else 0
    for at_ns, piece in (*pieces, *(((last_ns, b""),) if ended else ())):
        connection.receive_data(piece)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response | h11.Data):
                yield at_ns, event
            elif isinstance(event, h11.EndOfMessage):
                return
            elif not isinstance(event, h11.InformationalResponse):
                break


def miss_of(record: StreamRecord) -> str | None:
    """Say why an answer broke the contract so that its times mean nothing; None where it did not."""
    if record.broken and not record.status:
        return record.broken
    if record.status != 200:
        return f"HTTP {record.status} {record.raw[:SHOWN].decode(errors='replace')!r}"
    if not record.broken and record.media_type != CONTENT_TYPE:
        return f"content type {record.content_type!r} in place of {CONTENT_TYPE}"
    return record.incomplete


def sample_of(heard: Heard, ticks: Lags, zero_ns: int, label: str, endpoint: int, phase: int) -> Sample:
    """Make a sample of an exchange."""
    record = read_stream(heard)
    miss, timing = miss_of(record), record.timing
    told = timing if timing and miss is None else None
    usage = record.usage
    return Sample(
        label=label,
        endpoint=endpoint,
        phase=phase,
        intended_s=round((heard.intended_ns - zero_ns) / 1e9, 6),
        sent_s=round(((heard.sent_ns or heard.intended_ns) - zero_ns) / 1e9, 6),
        connect_s=round(max(0, heard.connected_ns - heard.began_ns) / 1e9, 6),
        miss=miss or (None if told else "no text"),
        first_token_s=round(told.first_token_s, 6) if told else None,
        last_token_s=round(told.last_token_s, 6) if told else None,
        ended_s=round(record.ended_s, 6),
        gaps_s=tuple(round(gap_s, 6) for gap_s in told.gaps_s) if told else (),
        tokens=(usage.completion_tokens if usage else len(told.gaps_s) + 1) if told else 0,
        late_s=round(ticks.worst_s(heard.intended_ns / 1e9, heard.ended_ns / 1e9), 6),
    )


@dataclass(frozen=True, slots=True)
class Lags:
    """How late the ticker fired, by when it was due; seconds of the monotonic clock, in order."""

    due_s: Sequence[float]
    late_s: Sequence[float]

    def worst_s(self, from_s: float, to_s: float) -> float:
        """Give the longest lag that touched a span of time; 0 where the ticker was never late in it."""
        first, last = bisect_left(self.due_s, from_s), bisect_left(self.due_s, to_s)
        before = first - 1
        held = before >= 0 and self.due_s[before] + self.late_s[before] > from_s
        return max(self.late_s[before if held else first : last], default=0.0)
