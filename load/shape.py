"""How many users there are at each moment of a load run."""

from __future__ import annotations

import os
import time

from locust import LoadTestShape

from load.users import PLAN

PROFILES: dict[str, tuple[tuple[float, float], ...]] = {
    "gate": ((1.0, 1.0),),
    "nightly": ((0.2, 0.25), (0.4, 0.5), (0.6, 0.75), (0.9, 1.0), (1.0, 0.25)),
    "soak": ((0.02, 0.5), (1.0, 1.0)),
}
"""Each profile's steps: up to which share of its duration, which share of the users."""


class Profile(LoadTestShape):
    """The profile of the plan; it goes on with all users until every kind of request has its samples.

    It ends at once where the process that wanted it is gone.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.start = time.monotonic()
        self.parent = os.getppid()

    def tick(self) -> tuple[int, float] | None:
        """Give users and spawn rate for now; None ends the run."""
        if os.getppid() != self.parent:
            return None
        elapsed = time.monotonic() - self.start
        for until, share in PROFILES[PLAN.profile]:
            if elapsed < until * PLAN.duration_s:
                return max(1, round(share * PLAN.users)), float(PLAN.users)
        if elapsed < PLAN.longest_s and not self._sampled():
            return PLAN.users, float(PLAN.users)
        return None

    def _sampled(self) -> bool:
        assert self.runner
        seen = {entry.name: entry.num_requests for entry in self.runner.stats.entries.values()}
        return all(seen.get(traffic.name, 0) >= PLAN.samples for traffic in PLAN.traffic)
