"""One request and what became of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One request and what became of it; times in seconds."""

    label: str
    endpoint: int
    """Its place among the plan's endpoints."""
    phase: int
    """The place of its phase in the plan."""
    intended_s: float
    """When it was to be sent, counted from the measurement's beginning."""
    sent_s: float
    """When it was sent, counted likewise."""
    connect_s: float
    """How long its connection took, TLS included; that was over before the request's time came."""
    miss: str | None
    """Why this is no complete answer; None where it is one. The times of a miss mean nothing."""
    first_token_s: float | None
    """Until the first text was there, counted from ``intended_s`` as the two below; None for a miss."""
    last_token_s: float | None
    ended_s: float
    """Until the last byte was there, or until it was given up."""
    gaps_s: tuple[float, ...]
    """Between each two events with text, thoughts included."""
    tokens: int
    """As the usage says; events with text where there is none."""
    late_s: float = 0.0
    """How late the meter itself was, at worst, while this request was under way."""

    @property
    def largest_gap_s(self) -> float:
        """The longest time without news after the first token; 0 where all text came at once."""
        return max(self.gaps_s, default=0.0)

    @property
    def tpot_s(self) -> float | None:
        """Time per output token after the first; None for a miss and for an answer of one token."""
        if self.first_token_s is None or self.last_token_s is None or self.tokens < 2:
            return None
        return (self.last_token_s - self.first_token_s) / (self.tokens - 1)

    @property
    def tokens_per_second(self) -> float:
        """Tokens after the first per second; 0 for a miss.

        Where all text came at once, the time since the request counts: held back is not fast.
        """
        if self.first_token_s is None or not self.last_token_s:
            return 0.0
        span_s = self.last_token_s - self.first_token_s
        return (self.tokens - 1) / span_s if span_s > 0 else self.tokens / self.last_token_s
