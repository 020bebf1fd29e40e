"""How likely the tokens of an answer were, as the endpoint says.

Source: https://platform.openai.com/docs/api-reference/chat/object (``choices[].logprobs``)
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from shipworthy.probes.inference.shape import Number, Shape

Byte = Annotated[int, Field(ge=0, le=255)]


class TopLogprob(Shape):
    """A token that might have been chosen."""

    token: str
    logprob: Number
    bytes: list[Byte] | None = None


class TokenLogprob(TopLogprob):
    """A token that was chosen, beside the likeliest ones in its place."""

    top_logprobs: list[TopLogprob]

    @property
    def total(self) -> float:
        """The probabilities of the likeliest tokens together; 1 at most."""
        return math.fsum(math.exp(min(top.logprob, 0.0)) for top in self.top_logprobs)

    @property
    def among_top(self) -> bool:
        """Whether the chosen token is one of the likeliest, with the same figure."""
        same = [top for top in self.top_logprobs if top.token == self.token]
        return any(math.isclose(top.logprob, self.logprob, abs_tol=1e-3) for top in same)


class ChoiceLogprobs(Shape):
    """The tokens of one answer, in order."""

    content: list[TokenLogprob] | None = None

    @property
    def text(self) -> str:
        """The tokens as text: by their bytes where all have some, for a token may be part of a character."""
        tokens = self.content or []
        if all(token.bytes is not None for token in tokens):
            return bytes(byte for token in tokens for byte in token.bytes or ()).decode(errors="replace")
        return "".join(token.token for token in tokens)
