"""The answers of the chat API as typed models.

Fields that engines add are let through; fields that clients rely on must be there, with their types.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shipworthy.probes.inference.logprobs import ChoiceLogprobs
from shipworthy.probes.inference.shape import Count, Shape, Text
from shipworthy.probes.inference.tool_calls import ToolCall, ToolCallPart

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class Usage(Shape):
    """What an answer cost, in tokens."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count


class Said(Shape):
    """Words of the assistant, a whole message's or a chunk's."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    """The newer name of the same."""

    @property
    def thoughts(self) -> str:
        """What was thought before the answer, by either name."""
        return self.reasoning_content or self.reasoning or ""

    @property
    def text(self) -> str:
        """All that was said, thoughts first."""
        return self.thoughts + (self.content or "")


class ChatMessage(Said):
    """What the assistant said."""

    role: Literal["assistant"]
    content: str | None
    tool_calls: list[ToolCall] | None = None


class Choice(Shape):
    """One whole answer."""

    index: Count
    message: ChatMessage
    finish_reason: FinishReason
    logprobs: ChoiceLogprobs | None = None


class ChatCompletion(Shape):
    """The answer to a request that was not streamed."""

    id: Text
    object: Literal["chat.completion"]
    created: Count
    model: Text
    choices: Annotated[list[Choice], Field(min_length=1)]
    usage: Usage


class Delta(Said):
    """What one chunk adds to the message; what engines call it beyond these names is kept as extra."""

    model_config = ConfigDict(extra="allow")

    role: Literal["assistant"] | None = None
    tool_calls: list[ToolCallPart] | None = None


class ChunkChoice(Shape):
    """The part of one answer that a chunk carries."""

    index: Count
    delta: Delta
    finish_reason: FinishReason | None = None
    logprobs: ChoiceLogprobs | None = None


class ChatChunk(Shape):
    """One event of a streamed answer; the one with the usage has no choices."""

    id: Text
    object: Literal["chat.completion.chunk"]
    created: Count
    model: Text
    choices: list[ChunkChoice]
    usage: Usage | None = None

    @property
    def adds(self) -> bool:
        """Whether it adds to an answer: text, a call, a reason to end; a role alone is nothing."""
        return any(
            choice.finish_reason or choice.delta.text or any((choice.delta.model_extra or {}).values())
            for choice in self.choices
        )

    @property
    def is_empty(self) -> bool:
        """Whether it has neither a part of an answer nor usage."""
        return self.usage is None and not self.adds


class ErrorDetail(Shape):
    """What went wrong."""

    message: Text
    type: Text
    param: str | None = None
    code: str | int | None = None


class ErrorBody(Shape):
    """The body of every answer that is an error."""

    error: ErrorDetail


class ModelCard(Shape):
    """One model that an endpoint serves."""

    id: Text
    object: Literal["model"]
    created: Count
    owned_by: str
    root: str | None = None
    """What is served under this name: a repository, a folder."""
    revision: str | None = None
    max_model_len: Count | None = None
    """Tokens of prompt and answer together."""


class ModelList(Shape):
    """The answer of ``GET /models``."""

    object: Literal["list"]
    data: list[ModelCard]
