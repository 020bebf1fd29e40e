"""Holding samples to a promise: go, no-go, or not enough samples to say."""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shipworthy.probes.inference.binomial import at_least, lower_bound, upper_bound
from shipworthy.probes.inference.meter.sample import Sample

LOOKS = 2
"""The samples are looked at twice at most, before and after the extension; each look gets half the error."""
MOST_SAMPLES = 1_000_000
LIKELY = 0.9
"""How likely an extension is to decide, where the share that was seen is the true one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer must keep, in seconds; None where nothing is promised."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    gap_s: float | None = None
    total_s: float | None = None
    tokens_per_second: float | None = None
    """At least."""

    def exceeded(self, sample: Sample, *, forgiven_s: float = 0.0) -> tuple[str, ...]:
        """Name every limit that an answer does not keep, with what it was; for a miss, why it is one.

        ``forgiven_s`` is taken off every time first.
        """
        if sample.miss:
            return (sample.miss,)
        assert sample.first_token_s is not None
        span_s = (sample.last_token_s or 0) - sample.first_token_s - forgiven_s
        seen = (
            ("TTFT", self.ttft_s, sample.first_token_s - forgiven_s),
            ("largest gap", self.gap_s, sample.largest_gap_s - forgiven_s),
            ("TPOT", self.tpot_s, span_s / (sample.tokens - 1) if sample.tokens > 1 else None),
            ("total", self.total_s, sample.ended_s - forgiven_s),
        )
        slow = tuple(
            f"{name} {value_s * 1000:.0f} ms"
            for name, limit_s, value_s in seen
            if limit_s is not None and value_s is not None and value_s > limit_s
        )
        floor = self.tokens_per_second
        if floor is None or sample.tokens_per_second >= floor:
            return slow
        if forgiven_s and (span_s <= 0 or (sample.tokens - 1) / span_s >= floor):
            return slow
        return (*slow, f"{sample.tokens_per_second:.1f} tokens/s")


@dataclass(frozen=True, slots=True)
class Promise:
    """That so many answers keep the limits, and how sure one must be."""

    limits: Limits
    share: float
    confidence: float

    @property
    def at_each_look(self) -> float:
        """The confidence of one look, so that all of them together err no more often than promised."""
        return 1 - (1 - self.confidence) / LOOKS


class Decision(enum.Enum):
    """What the samples say about a promise."""

    GO = "go"
    NO_GO = "no-go"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Judgement:
    """How many answers kept a promise, and what follows for the true share."""

    promise: Promise
    kept: int
    broken: int
    unclear: int
    """Over a limit by less than the meter itself was late: held against neither side."""
    reasons: tuple[tuple[str, int], ...]
    """Why answers did not keep it, the most frequent first."""

    @property
    def count(self) -> int:
        """All answers."""
        return self.kept + self.broken + self.unclear

    @property
    def share(self) -> float:
        """The share that kept it for sure."""
        return self.kept / self.count

    @property
    def lower(self) -> float:
        """The true share is not below this, with the confidence of one look; what is unclear is a miss."""
        return lower_bound(self.kept, self.count, self.promise.at_each_look)

    @property
    def upper(self) -> float:
        """The true share is not above this; what is unclear kept the promise."""
        return upper_bound(self.kept + self.unclear, self.count, self.promise.at_each_look)

    @property
    def decision(self) -> Decision:
        """Go where even the lower bound keeps the promise, no-go where even the upper one does not."""
        if self.lower >= self.promise.share:
            return Decision.GO
        return Decision.NO_GO if self.upper < self.promise.share else Decision.INCONCLUSIVE

    @property
    def more(self) -> int | None:
        """How many more samples would decide, if the share stays what it is; None: a million would not."""
        if self.decision is not Decision.INCONCLUSIVE:
            return 0
        return more_to_decide(self.kept, self.count, self.promise)


def judge(samples: Sequence[Sample], promise: Promise) -> Judgement:
    """Hold every sample to a promise.

    Raises:
        TooFewSamplesError: (by the bounds) there is none.

    """
    kept = unclear = 0
    reasons: Counter[str] = Counter()
    for sample in samples:
        exceeded = promise.limits.exceeded(sample)
        if not exceeded:
            kept += 1
        elif sample.miss or promise.limits.exceeded(sample, forgiven_s=sample.late_s):
            reasons[_kind(exceeded[0])] += 1
        else:
            unclear += 1
    return Judgement(promise, kept, reasons.total(), unclear, tuple(reasons.most_common()))


def broken_by(samples: Sequence[Sample], limits: Limits) -> Iterator[tuple[Sample, tuple[str, ...]]]:
    """Give the answers that did not keep the limits, with what they exceeded."""
    for sample in samples:
        if exceeded := limits.exceeded(sample, forgiven_s=sample.late_s):
            yield sample, exceeded


def more_to_decide(kept: int, count: int, promise: Promise) -> int | None:
    """Give how many more samples would likely decide, if the share that was seen is the true one.

    The smallest total for which, with nine chances in ten, the bound clears the promise.
    None where a million would not: the share is too close to the promise.
    """
    seen = kept / count
    decides = _goes if seen > promise.share else _stops

    def enough(total: int) -> bool:
        return decides(total, seen, promise)

    total = _first(enough, count + 1, MOST_SAMPLES) if seen != promise.share else None
    return None if total is None else total - count


def _goes(total: int, seen: float, promise: Promise) -> bool:
    needed = _first(lambda hits: lower_bound(hits, total, promise.at_each_look) >= promise.share, 0, total)
    return needed is not None and at_least(needed, total, seen) >= LIKELY


def _stops(total: int, seen: float, promise: Promise) -> bool:
    first = _first(lambda hits: upper_bound(hits, total, promise.at_each_look) >= promise.share, 0, total)
    most = total if first is None else first - 1
    return most >= 0 and 1 - at_least(most + 1, total, seen) >= LIKELY


def _first(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """Give the smallest number from ``low`` to ``high`` from which on it holds; None where it never does."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _kind(exceeded: str) -> str:
    """Strip what differs from answer to answer, so that equal reasons count together."""
    if exceeded.startswith("HTTP "):
        return exceeded[:8]
    name = exceeded.rpartition(" ")[0].rpartition(" ")[0]
    if exceeded.endswith(" ms"):
        return f"{name} over its limit"
    return "token rate under its limit" if exceeded.endswith(" tokens/s") else exceeded


def fewest(share: float, confidence: float) -> int:
    """Give how many samples prove a share where every one keeps the promise: 59 for 0.95 at 0.95."""
    return math.ceil(math.log(1 - confidence) / math.log(share))
