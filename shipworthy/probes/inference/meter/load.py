"""The load that latency is measured under: who asks what, and when."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.meter.plan import Phase, Request, streamed

WORDS = (
    "harbour", "ledger", "lantern", "anchor", "voyage", "cargo", "beacon", "tide", "chart", "compass",
    "keeper", "signal", "storm", "vessel", "captain", "channel", "mooring", "horizon", "current", "rigging",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request in a mix."""

    prompt_tokens: int = 32
    output_tokens: int = 16
    weight: float = 1.0

    @property
    def label(self) -> str:
        """How its samples are told from others."""
        return f"{self.prompt_tokens} in, {self.output_tokens} out"


@dataclass(frozen=True, slots=True)
class Load:
    """Closed (``callers``) or open (``rate_per_s``), over a mix; the same seed sends the same."""

    callers: int | None
    rate_per_s: float | None
    mix: tuple[Kind, ...] = (Kind(),)
    seed: str = ""

    @property
    def text(self) -> str:
        """In words, for findings."""
        if self.rate_per_s is not None:
            return f"{self.rate_per_s:g} requests a second, Poisson"
        return f"{self.callers} at a time"

    @property
    def wave(self) -> int:
        """The requests of one full wave: all callers, or those of one second."""
        return self.callers or max(1, round(self.rate_per_s or 1))

    def phase(self, endpoint: ChatEndpoint, count: int, part: str) -> Phase:
        """Give ``count`` requests of this load; ``part`` names them, so that no two parts ask the same."""
        requests = tuple(self._requests(endpoint, count, f"{self.seed}-{part}"))
        return Phase(requests, callers=self.callers if self.rate_per_s is None else None)

    def warm_up(self, endpoint: ChatEndpoint) -> Phase:
        """Give one full wave that does not count, closed: it fills every slot before the clock matters."""
        callers = self.callers or min(8, self.wave)
        requests = tuple(self._requests(endpoint, callers, f"{self.seed}-warm-up", open_loop=False))
        return Phase(requests, callers=callers, counts=False)

    def _requests(
        self, endpoint: ChatEndpoint, count: int, named: str, *, open_loop: bool = True
    ) -> Iterator[Request]:
        choice = random.Random(named)  # noqa: S311  reproducible on purpose
        weights = [kind.weight for kind in self.mix]
        rate = self.rate_per_s if open_loop else None
        arrivals = poisson(choice, rate, count) if rate else (None,) * count
        for number, at_s in enumerate(arrivals):
            kind = choice.choices(self.mix, weights)[0]
            prompt = write_prompt(choice, f"{named}-{number}", kind.prompt_tokens)
            body = streamed(endpoint, prompt, max_tokens=kind.output_tokens)
            yield Request(body, label=kind.label, at_s=at_s)


def poisson(choice: random.Random, rate_per_s: float, count: int) -> Sequence[float]:
    """Give arrival times of independent callers, in seconds, in order: exponential gaps."""
    at_s, times = 0.0, []
    for _ in range(count):
        at_s += choice.expovariate(rate_per_s)
        times.append(at_s)
    return times


def write_prompt(choice: random.Random, name: str, tokens: int) -> str:
    """Write a prompt of about so many tokens whose first word is its own, so that no cache knows it."""
    words = [f"{name}:", "tell", "a", "long", "story", "about"]
    words += choice.choices(WORDS, k=max(1, tokens - len(words)))
    return " ".join(words)
