"""Whether the parts of an answer arrive as they are made, or all at once."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.calls import stream_chat
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.stream import StreamRecord

TOKENS = 48
ROUNDS = 3
BEYOND_DOUBT = 0.6
SHORTEST_WORK_S = 0.02


@dataclass(frozen=True, slots=True)
class StreamSpread:
    """How the arrival of a long answer compares with the time that making it takes."""

    one_token_s: float
    """Until the text of an answer of one token is there."""
    first_s: float
    """Until the first text of the long answer is there."""
    last_s: float
    """Until its last text is there."""

    @property
    def share(self) -> float:
        """The share of the time to make the text during which it arrived.

        Near 1 where each part is passed on as it is made, near 0 where all is held back to the end.
        Network and queueing delay the short answer as well, so they do not count; where the short
        answer took as long as the long one they do, and the share is smaller than the truth.
        """
        making_s = self.last_s - (self.one_token_s if self.comparable else 0)
        return min(1.0, (self.last_s - self.first_s) / making_s)

    @property
    def comparable(self) -> bool:
        """Whether the long answer took longer than the short one."""
        return self.last_s - self.one_token_s > SHORTEST_WORK_S


def measure_spread(endpoint: ChatEndpoint, prompt: str) -> StreamSpread:
    """Compare answers of one token with long ones; of up to three, give the one that was spread widest.

    Raises:
        ProbeError: the answers are no complete streams, or long ones take no longer than short ones.

    """
    with endpoint.client() as client:

        def asked(max_tokens: int) -> StreamRecord:
            record = stream_chat(client, endpoint.request(prompt, max_tokens=max_tokens))
            if record.incomplete and not (max_tokens == 1 and record.ended):
                raise ProbeError(f"{endpoint.name}: no complete stream to time: {record.incomplete}")
            return record

        def text_span(max_tokens: int) -> tuple[float, float]:
            timing = asked(max_tokens).timing
            assert timing
            return timing.first_token_s, timing.last_token_s

        def one_token() -> float:
            """Until its text is there; a token that is part of a character has none, it has an end."""
            record = asked(1)
            return record.timing.last_token_s if record.timing else record.ended_s

        one_token()
        one_token_s = statistics.median(one_token() for _ in range(ROUNDS))
        widest = StreamSpread(one_token_s, *text_span(TOKENS))
        for _ in range(ROUNDS - 1):
            if widest.share < BEYOND_DOUBT:
                again = StreamSpread(one_token_s, *text_span(TOKENS))
                widest = max(widest, again, key=lambda spread: spread.share)
    if not widest.comparable and widest.share < BEYOND_DOUBT:
        raise ProbeError(
            f"{endpoint.name} makes {TOKENS} tokens as fast as one: a held-back stream would look the same"
        )
    return widest
