"""What the meter is told to send."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from shipworthy.probes.inference.endpoint import ChatEndpoint

LONGEST_ANSWER = 4 * 1024 * 1024
MOST_BYTES = 256 * 1024 * 1024


def streamed(endpoint: ChatEndpoint, prompt: str, *, max_tokens: int, **options: Any) -> str:
    """Give the body of a streamed request, usage asked for, as JSON."""
    asked = {"stream": True, "stream_options": {"include_usage": True}, **options}
    return json.dumps(endpoint.request(prompt, max_tokens=max_tokens, **asked))


@dataclass(frozen=True, slots=True)
class Request:
    """One streamed chat completion to ask for."""

    body: str
    """JSON; ``streamed`` makes it."""
    endpoint: int = 0
    """Its place among the plan's endpoints."""
    label: str = ""
    """Whatever helps to tell samples apart: a kind of the mix, a block, a level of a sweep."""
    at_s: float | None = None
    """When it is to be sent, in seconds after its phase began; None in a closed loop."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Requests under one load."""

    requests: tuple[Request, ...]
    callers: int | None = None
    """Closed loop: how many ask at the same time. None: open loop, every request has its ``at_s``."""
    counts: bool = True
    """A warm-up does not."""

    def __post_init__(self) -> None:
        """Hold a phase to being one kind of loop.

        Raises:
            ValueError: no callers in a closed loop, or a request without its time in an open one.

        """
        if self.callers is None and any(request.at_s is None for request in self.requests):
            raise ValueError("every request of an open loop needs its at_s")
        if self.callers is not None and self.callers < 1:
            raise ValueError(f"a closed loop has at least one caller, not {self.callers}")

    def part(self, number: int, of: int) -> Phase:
        """Give one process its share, interleaved with the others'; with too few callers some get none."""
        if self.callers is None:
            return replace(self, requests=self.requests[number::of])
        busy = min(of, self.callers)
        if number >= busy:
            return replace(self, requests=(), callers=None)
        callers = (self.callers + busy - 1 - number) // busy
        return replace(self, requests=self.requests[number::busy], callers=callers)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one measurement sends, fixed before it begins."""

    endpoints: tuple[ChatEndpoint, ...]
    phases: tuple[Phase, ...]
    request_s: float = 60.0
    """A request that is not over after this long, counted from its sending, is a miss."""
    total_s: float = 600.0
    """After this long nothing more is sent and what is under way is broken off."""
    longest_answer: int = LONGEST_ANSWER
    """Bytes of one answer; a longer one is broken off, a miss."""
    most_bytes: int = MOST_BYTES
    """Bytes of all answers together that are kept."""

    def part(self, number: int, of: int) -> Plan:
        """Give the part of one of several processes: its share of each phase, interleaved with the others'.

        Every process goes through every phase, with or without requests in it.
        """
        phases = tuple(phase.part(number, of) for phase in self.phases)
        return replace(self, phases=phases, most_bytes=self.most_bytes // of)

    def as_json(self) -> bytes:
        """Give what ``from_json`` takes; it holds the endpoints' keys, so it is handed over, never kept."""
        return PLAN.dump_json(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Plan:
        """Take back what ``as_json`` gave."""
        return PLAN.validate_json(data)


PLAN = TypeAdapter(Plan)
