"""One event of a streamed answer: a chunk, or what it is instead."""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from shipworthy.probes.inference.models import ChatChunk
from shipworthy.probes.inference.shape import first_problem
from shipworthy.probes.inference.sse import Event

COLUMN = re.compile(r"line 1 column (\d+)")
NEAR = 16


class Trouble(enum.StrEnum):
    """What an event is that is no chunk."""

    ERROR = "an error"
    ENCODING = "no UTF-8"
    JSON = "no JSON"
    SHAPE = "JSON of another shape"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that is no chunk."""

    place: int
    """Among all events, from 0."""
    event: Event
    trouble: Trouble
    problem: str
    """In one line: the field, the byte, the error's own message."""
    at: bytes = b""
    """Some of its bytes, where the trouble is."""

    @property
    def excerpt(self) -> str:
        """Its bytes around the trouble."""
        return self.event.excerpt(self.at)


def read_event(place: int, event: Event) -> ChatChunk | Unreadable:
    """Read an event as a chunk."""
    body = _json(event.raw) if b'"error"' in event.raw else None
    if problem := error_message(body):
        return Unreadable(place, event, Trouble.ERROR, problem, b'"error"')
    try:
        return ChatChunk.model_validate_json(event.raw)
    except ValidationError as error:
        return Unreadable(place, event, *_why(event.raw, first_problem(error)))


def error_message(body: Any) -> str | None:
    """What an error says that stands where an answer should; None where it is none.

    As OpenAI and vLLM send it, ``{"error": …}``, or as vLLM did before, ``{"object": "error", …}``.
    """
    if not isinstance(body, dict):
        return None
    error = body if body.get("object") == "error" else body.get("error")
    if not error:
        return None
    said = error.get("message") if isinstance(error, dict) else error
    return str(said or error)[:200]


def error_in(content: bytes) -> str | None:
    """What a body says that is one JSON error; None where it is something else."""
    return error_message(_json(content))


def _why(raw: bytes, problem: str) -> tuple[Trouble, str, bytes]:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        wrong = raw[error.start : error.end]
        said = f"byte {error.start} of the data, {wrong!r}: {error.reason}"
        return Trouble.ENCODING, said, raw[error.start : error.start + NEAR]
    if problem.startswith("body: Invalid JSON"):
        column = COLUMN.search(problem)
        end = int(column[1]) if column else 0
        return Trouble.JSON, problem.removeprefix("body: "), raw[max(0, end - NEAR) : end]
    field = problem.partition(":")[0].rpartition(".")[2]
    return Trouble.SHAPE, problem, f'"{field}"'.encode()


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
