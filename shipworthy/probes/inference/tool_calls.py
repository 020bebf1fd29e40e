"""Calls of tools: whole, and as the fragments that a stream carries.

Source: https://platform.openai.com/docs/guides/function-calling
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from shipworthy.probes.inference.shape import Count, Shape, Text


class CalledFunction(Shape):
    """What is called, with its arguments as JSON in a string."""

    name: Text
    arguments: str


class ToolCall(Shape):
    """One call of an answer in one piece."""

    id: Text
    type: Literal["function"]
    function: CalledFunction


class FunctionPart(Shape):
    """What a chunk adds to a call."""

    name: str | None = None
    arguments: str | None = None


class ToolCallPart(Shape):
    """A fragment of a call; ``index`` says of which."""

    index: Count
    id: str | None = None
    type: Literal["function"] | None = None
    function: FunctionPart | None = None


@dataclass(frozen=True, slots=True)
class JoinedCall:
    """What the fragments of one call come to."""

    id: str
    """The first that was given; empty where none was."""
    name: str
    """The first that was given; empty where none was."""
    arguments: str
    fragments: int
    """How many parts the arguments came in."""


def joined(parts: Iterable[ToolCallPart]) -> tuple[JoinedCall, ...]:
    """Put the fragments of a stream together: one call for each index, in the order of the indexes."""
    calls: dict[int, list[ToolCallPart]] = {}
    for part in parts:
        calls.setdefault(part.index, []).append(part)
    return tuple(_joined(calls[index]) for index in sorted(calls))


def _joined(parts: list[ToolCallPart]) -> JoinedCall:
    functions = [part.function for part in parts if part.function]
    pieces = [function.arguments for function in functions if function.arguments]
    return JoinedCall(
        id=next((part.id for part in parts if part.id), ""),
        name=next((function.name for function in functions if function.name), ""),
        arguments="".join(pieces),
        fragments=len(pieces),
    )
