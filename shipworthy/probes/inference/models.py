"""The answers of the chat API as typed models.

Fields that engines add are let through; fields that clients rely on must be there, with their types.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
Count = Annotated[int, Field(ge=0, le=2**53)]
"""As far as JSON's numbers are exact everywhere (RFC 8259, 6)."""
Text = Annotated[str, Field(min_length=1)]


class Shape(BaseModel):
    """Strict about the types of the fields it knows, indifferent to others."""

    model_config = ConfigDict(strict=True, frozen=True)


class Usage(Shape):
    """What an answer cost, in tokens."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count


class ChatMessage(Shape):
    """What the assistant said."""

    role: Literal["assistant"]
    content: str | None
    reasoning_content: str | None = None
    reasoning: str | None = None
    """The newer name of the same."""

    @property
    def text(self) -> str:
        """All that was said, thoughts first."""
        return (self.reasoning_content or self.reasoning or "") + (self.content or "")


class Choice(Shape):
    """One whole answer."""

    index: Count
    message: ChatMessage
    finish_reason: FinishReason


class ChatCompletion(Shape):
    """The answer to a request that was not streamed."""

    id: Text
    object: Literal["chat.completion"]
    created: Count
    model: Text
    choices: Annotated[list[Choice], Field(min_length=1)]
    usage: Usage


class Delta(Shape):
    """What one chunk adds to the message; what engines call it beyond these names is kept as extra."""

    model_config = ConfigDict(extra="allow")

    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    """The newer name of the same."""

    @property
    def text(self) -> str:
        """The new text, thoughts included."""
        return (self.reasoning_content or self.reasoning or "") + (self.content or "")


class ChunkChoice(Shape):
    """The part of one answer that a chunk carries."""

    index: Count
    delta: Delta
    finish_reason: FinishReason | None = None


class ChatChunk(Shape):
    """One event of a streamed answer; the one with the usage has no choices."""

    id: Text
    object: Literal["chat.completion.chunk"]
    created: Count
    model: Text
    choices: list[ChunkChoice]
    usage: Usage | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it adds nothing: no text, no call, no reason to end, no usage; a role alone is nothing."""
        return self.usage is None and not any(
            choice.finish_reason or choice.delta.text or any((choice.delta.model_extra or {}).values())
            for choice in self.choices
        )


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


class ModelList(Shape):
    """The answer of ``GET /models``."""

    object: Literal["list"]
    data: list[ModelCard]


def first_problem(error: ValidationError) -> str:
    """Say in one line what is wrong with an answer: the field and its trouble."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(step) for step in first['loc']) or 'body'}: {first['msg']}"
