"""The answers of ``POST /embeddings``, and their vectors in either encoding.

Source: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from shipworthy.probes.inference.shape import Count, Number, Shape, Text

Vector = tuple[float, ...]
FLOAT_BYTES = 4


class EmbeddingUsage(Shape):
    """What an answer cost, in tokens."""

    prompt_tokens: Count
    total_tokens: Count


class Embedding(Shape):
    """One vector, and of which text of the request."""

    object: Literal["embedding"]
    index: Count
    embedding: list[Number] | str

    @property
    def vector(self) -> Vector:
        """Its numbers; base64 holds little-endian 32-bit floats.

        Raises:
            ValueError: it is text, and no base64 of such numbers.

        """
        if not isinstance(self.embedding, str):
            return tuple(self.embedding)
        content = base64.b64decode(self.embedding, validate=True)
        if len(content) % FLOAT_BYTES:
            raise ValueError(f"{len(content)} bytes are no whole number of 32-bit floats")
        return struct.unpack(f"<{len(content) // FLOAT_BYTES}f", content)


class EmbeddingList(Shape):
    """The answer to one request."""

    object: Literal["list"]
    data: Annotated[list[Embedding], Field(min_length=1)]
    model: Text
    usage: EmbeddingUsage


def length(vector: Sequence[float]) -> float:
    """Give the Euclidean length."""
    return math.sqrt(math.fsum(value * value for value in vector))


def nearness(a: Sequence[float], b: Sequence[float]) -> float:
    """Give the cosine of the angle between two vectors; 0 where one has no length or another dimension."""
    lengths = length(a) * length(b)
    if len(a) != len(b) or not lengths:
        return 0.0
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / lengths
