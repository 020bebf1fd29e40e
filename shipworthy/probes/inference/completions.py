"""The answers of ``POST /completions``, for prompts without a conversation.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shipworthy.probes.inference.models import Usage
from shipworthy.probes.inference.shape import Count, Shape, Text

Reason = Literal["stop", "length", "content_filter"]


class CompletionChoice(Shape):
    """One whole text."""

    index: Count
    text: str
    finish_reason: Reason


class Completion(Shape):
    """The answer to a request that was not streamed."""

    id: Text
    object: Literal["text_completion"]
    created: Count
    model: Text
    choices: Annotated[list[CompletionChoice], Field(min_length=1)]
    usage: Usage


class CompletionPart(Shape):
    """What a chunk adds to one text."""

    index: Count
    text: str
    finish_reason: Reason | None = None


class CompletionChunk(Shape):
    """One event of a streamed answer; the one with the usage has no choices."""

    id: Text
    object: Literal["text_completion"]
    created: Count
    model: Text
    choices: list[CompletionPart]
    usage: Usage | None = None
