"""What was measured: the same prompts asked of both endpoints in blocks, and the ratio that each block shows.

A ratio within a block is free of all that changed between blocks: load, neighbours, time of day.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Arm = Literal["candidate", "live"]
Time = Literal["ttft_s", "tpot_s", "gap_s"]

FRAME_S = 1 / 60
"""A screen shows nothing that is shorter."""
RESOLUTION_S: Mapping[Time, float] = {"ttft_s": FRAME_S, "tpot_s": 1e-4, "gap_s": FRAME_S}
"""Shorter times count as this. A wait within one frame is seen by nobody, and is as long as the operating
systems of both ends make it; the time per token is a mean of many, and much finer."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One streamed answer by the three times that are compared, in seconds; None where it is a miss."""

    ttft_s: float | None
    """Until the first token."""
    tpot_s: float | None
    """For each token after the first, on average."""
    gap_s: float | None
    """The largest gap between two events with text; 0 where all text came at once."""
    miss: str | None = None
    """What kept it from being a complete answer."""


@dataclass(frozen=True, slots=True)
class Block:
    """The same prompts, asked of one arm and right afterwards of the other."""

    candidate_first: bool
    candidate: tuple[Timed, ...]
    live: tuple[Timed, ...]

    def as_json(self) -> dict[str, Any]:
        """Give the raw samples, to be kept and judged again."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Block:
        """Take back what ``as_json`` gave."""
        arms = (tuple(Timed(**answer) for answer in data[arm]) for arm in ("candidate", "live"))
        return cls(data["candidate_first"], *arms)


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantile of one of the times."""

    name: str
    time: Time
    q: float

    def log_ratio(self, block: Block) -> float | None:
        """Give ``log(candidate / live)`` of one block; None where it holds nothing to compare.

        A miss counts as slow as the slowest complete answer of the block, whichever arm gave it:
        so a candidate never becomes fast by breaking off.
        """
        candidate, live = (self._logs(answers) for answers in (block.candidate, block.live))
        whole = [log for log in (*candidate, *live) if log is not None]
        if not whole or all(log is None for log in live):
            return None
        slowest = max(whole)
        ours, theirs = ([slowest if log is None else log for log in logs] for logs in (candidate, live))
        return quantile(ours, self.q) - quantile(theirs, self.q)

    def log_ratios(self, blocks: Sequence[Block]) -> tuple[float, ...]:
        """Give those of all blocks that hold something to compare."""
        ratios = (self.log_ratio(block) for block in blocks)
        return tuple(ratio for ratio in ratios if ratio is not None)

    def pooled_s(self, blocks: Sequence[Block], arm: Arm) -> float | None:
        """Give the quantile over all complete answers of an arm, in seconds: the figure for people."""
        times = (getattr(answer, self.time) for block in blocks for answer in getattr(block, arm))
        whole = [time for time in times if time is not None]
        return quantile(whole, self.q) if whole else None

    def _logs(self, answers: Sequence[Timed]) -> list[float | None]:
        floor = RESOLUTION_S[self.time]
        times: Iterator[float | None] = (getattr(answer, self.time) for answer in answers)
        return [None if time is None else math.log(max(time, floor)) for time in times]


_TIMES: tuple[tuple[str, Time], ...] = (("TTFT", "ttft_s"), ("TPOT", "tpot_s"), ("largest gap", "gap_s"))
FIGURES = tuple(Figure(f"{name} p{q * 100:.0f}", time, q) for name, time in _TIMES for q in (0.5, 0.9))
"""What is compared. Within a block p90 is an estimate by interpolation, not a figure of its own: it has the
same meaning in both arms, and what is concluded rests on all blocks."""


def quantile(values: Sequence[float], q: float) -> float:
    """Interpolate between order statistics (Hyndman and Fan 1996, type 7)."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    below = math.floor(place)
    rest = place - below
    return ordered[below] * (1 - rest) + ordered[min(below + 1, len(ordered) - 1)] * rest
