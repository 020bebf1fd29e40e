"""How late the meter itself was: what it would have blamed on the endpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shipworthy.errors import ProbeError

LATE_P99_S = 0.05
"""Limit of how late the meter's ticker fires, and of how late it sends: half of what people notice as a delay
(Nielsen, Usability Engineering, 5.5). Below it, what a single sample may owe to the meter is known
(``Sample.late_s``) and held against no one."""
TICK_S = 0.005


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of the process that measured, or the worst of several."""

    processes: int
    ticks: int
    """How often the ticker fired; 200 times a second where nothing holds it up."""
    lag_p50_s: float
    lag_p99_s: float
    lag_max_s: float
    """How late the ticker fired."""
    sent_p99_s: float
    sent_max_s: float
    """How late requests were sent, after their time had come and their connection stood."""

    @property
    def too_late(self) -> str | None:
        """Which figure is over its limit; None where all are within."""
        for name, value_s in (("event-loop lag", self.lag_p99_s), ("send lateness", self.sent_p99_s)):
            if not value_s <= LATE_P99_S:
                return f"{name} was {value_s * 1000:.1f} ms at p99 (limit {LATE_P99_S * 1000:.0f} ms)"
        return None

    def demand_valid(self) -> None:
        """Hold the meter to its limits.

        Raises:
            ProbeError: naming the figure, its limit and what to do.

        """
        if self.too_late:
            raise ProbeError(
                f"the measurement is invalid: the meter's own {self.too_late}, {self.processes} processes, "
                f"{self.ticks} ticks: run the gate where it has a free core, or lower the load "
                "(latency.concurrency, latency.rate_per_s)"
            )

    def __add__(self, other: Lateness) -> Lateness:
        """The worse of both, figure by figure."""
        return worst((self, other), processes=max(self.processes, other.processes))


def worst(parts: Sequence[Lateness], processes: int) -> Lateness:
    """Take the worst of several, figure by figure."""
    return Lateness(
        processes=processes,
        ticks=sum(part.ticks for part in parts),
        lag_p50_s=max(part.lag_p50_s for part in parts),
        lag_p99_s=max(part.lag_p99_s for part in parts),
        lag_max_s=max(part.lag_max_s for part in parts),
        sent_p99_s=max(part.sent_p99_s for part in parts),
        sent_max_s=max(part.sent_max_s for part in parts),
    )


def summed_up(lags_s: Sequence[float], sending_s: Sequence[float]) -> Lateness:
    """Give the lateness of one process; the ticker has fired at least once."""
    lags = sorted(lags_s)
    sending = sorted(sending_s) or [0.0]
    return Lateness(
        processes=1,
        ticks=len(lags_s),
        lag_p50_s=_rank(lags, 0.5),
        lag_p99_s=_rank(lags, 0.99),
        lag_max_s=lags[-1],
        sent_p99_s=_rank(sending, 0.99),
        sent_max_s=sending[-1],
    )


def _rank(ordered: Sequence[float], q: float) -> float:
    return ordered[math.ceil(q * len(ordered)) - 1]
