"""What one streamed answer was: every event with the moment its bytes arrived."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from shipworthy.probes.http import Ending, media_type
from shipworthy.probes.inference.chunks import Unreadable, error_in, read_event
from shipworthy.probes.inference.models import ChatChunk, Usage
from shipworthy.probes.inference.sse import Event

DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event and when it came."""

    at_s: float
    """Seconds after the request was sent, on the monotonic clock, taken before parsing."""
    event: Event


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """When the text of one streamed answer arrived, in seconds after the request was sent."""

    first_token_s: float
    last_token_s: float
    gaps_s: tuple[float, ...]
    """Between each two events that carry text."""
    total_s: float


@dataclass(frozen=True)
class StreamRecord:
    """One streamed answer as it came over the wire."""

    status: int
    content_type: str
    arrivals: tuple[Arrival, ...]
    ended_s: float
    broken: str | None = None
    """Why the stream did not end by itself; None where it did."""
    rest: bytes = field(default=b"", repr=False)
    """What came after the last complete event, at most 64 KiB."""
    raw: bytes = field(default=b"", repr=False)
    """The first bytes of the body, at most 64 KiB."""
    size: int = 0
    """Bytes of the body that came, decompressed."""
    ending: Ending = Ending.COMPLETE
    coding: str = ""
    """How the body was compressed, although identity was asked for; empty where it was not."""
    http_version: str = "HTTP/1.1"
    location: str | None = None
    """Where a redirect points; it is not followed."""

    @functools.cached_property
    def parsed(self) -> tuple[tuple[float, ChatChunk | Unreadable], ...]:
        """Each event but ``[DONE]`` as a chunk, or as what it is instead."""
        return tuple(
            (arrival.at_s, read_event(place, arrival.event))
            for place, arrival in enumerate(self.arrivals)
            if arrival.event.data.strip() != DONE
        )

    @property
    def media_type(self) -> str:
        """What kind of body it says it has: ``text/event-stream``."""
        return media_type(self.content_type)

    @property
    def events(self) -> tuple[tuple[Event, ChatChunk], ...]:
        """The events that are chunks, in order, each with its bytes."""
        others = [a.event for a in self.arrivals if a.event.data.strip() != DONE]
        return tuple(
            (event, chunk)
            for event, (_, chunk) in zip(others, self.parsed, strict=True)
            if isinstance(chunk, ChatChunk)
        )

    @property
    def chunks(self) -> tuple[ChatChunk, ...]:
        """The events that are chunks, in order."""
        return tuple(chunk for _, chunk in self.parsed if isinstance(chunk, ChatChunk))

    @property
    def malformed(self) -> tuple[Unreadable, ...]:
        """The events that are no chunks, and why."""
        return tuple(chunk for _, chunk in self.parsed if isinstance(chunk, Unreadable))

    @property
    def error_body(self) -> str | None:
        """What the error says that came in place of a stream; None where none did."""
        return None if self.arrivals else error_in(self.raw)

    @property
    def done_at(self) -> tuple[int, ...]:
        """The places of ``[DONE]`` among the events; ``(len(arrivals) - 1,)`` is right."""
        return tuple(i for i, arrival in enumerate(self.arrivals) if arrival.event.data.strip() == DONE)

    @property
    def text(self) -> str:
        """What the assistant said, thoughts left out."""
        return "".join(c.delta.content or "" for chunk in self.chunks for c in chunk.choices)

    @property
    def spoken(self) -> str:
        """All that the assistant said, thoughts included."""
        return "".join(c.delta.text for chunk in self.chunks for c in chunk.choices)

    @property
    def finish_reasons(self) -> tuple[str, ...]:
        """Every reason to end that was given."""
        return tuple(c.finish_reason for chunk in self.chunks for c in chunk.choices if c.finish_reason)

    @property
    def usage(self) -> Usage | None:
        """The usage that the last chunk carries."""
        return self.chunks[-1].usage if self.chunks else None

    @property
    def timing(self) -> StreamTiming | None:
        """When the text came; None where no text came."""
        moments = tuple(self._text_moments())
        if not moments:
            return None
        gaps = tuple(later - earlier for earlier, later in pairwise(moments))
        return StreamTiming(moments[0], moments[-1], gaps, self.ended_s)

    def _text_moments(self) -> Iterator[float]:
        for at_s, chunk in self.parsed:
            if isinstance(chunk, ChatChunk) and any(choice.delta.text for choice in chunk.choices):
                yield at_s

    @property
    def incomplete(self) -> str | None:
        """Why this is no complete answer, whose times would mean nothing; None where it is one."""
        if self._cause:
            return self._cause
        if not self.timing:
            return "no text"
        return None if self.finish_reasons else "no finish_reason: the answer was cut off"

    @property
    def ended(self) -> bool:
        """Whether it came to its end, be it without text: one token may be no whole character."""
        return not self._cause and bool(self.finish_reasons)

    @property
    def _cause(self) -> str | None:
        if self.status != 200:
            return f"HTTP {self.status}" + (f" to {self.location[:200]}" if self.location else "")
        if self.broken:
            return self.broken
        if self.error_body:
            return f"an error in place of a stream: {self.error_body}"
        return f"malformed event {self.malformed[0].event.data[:80]!r}" if self.malformed else None

    @property
    def tokens_per_second(self) -> float:
        """Tokens after the first one per second since the first one; 0 without text.

        Where all text came at once, the time since the request counts: held back is not fast.
        """
        timing = self.timing
        if not timing:
            return 0.0
        count = self.usage.completion_tokens if self.usage else len(timing.gaps_s) + 1
        span = timing.last_token_s - timing.first_token_s
        return (count - 1) / span if span > 0 else count / timing.last_token_s
