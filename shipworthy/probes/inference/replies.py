"""Answers that were asked for without a clock: streamed ones are read when they are complete."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from shipworthy.probes.inference.calls import Answer
from shipworthy.probes.inference.shape import Shape, read
from shipworthy.probes.inference.sse import Event, SseParser
from shipworthy.probes.inference.stream import DONE

S = TypeVar("S", bound=Shape)


def events_of(answer: Answer) -> tuple[Event, ...]:
    """Give the events of a streamed answer, ``[DONE]`` included."""
    return tuple(SseParser().feed(answer.content))


def chunks_of(shape: type[S], answer: Answer) -> tuple[S | ValidationError, ...]:
    """Give the events of a streamed answer as chunks, or as what keeps one from being one."""
    return tuple(read(shape, event.raw) for event in events_of(answer) if event.data.strip() != DONE)
