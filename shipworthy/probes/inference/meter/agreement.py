"""The A/A arm: two halves of the same run, between which there can be no difference but the meter's own."""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.meter.sample import Sample
from shipworthy.probes.inference.statistics import needed_samples

BY_CHANCE = 0.001
"""Halves that differ so much by chance once in a thousand runs are no halves of the same."""
MATTERS = 0.05
"""A smaller difference of the medians changes no verdict."""
SEED = 20_261
Halves = tuple[list[float], list[float]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the halves compare in one figure."""

    figure: str
    ratio: float
    """Median of the one half over that of the other; 1 where the meter adds nothing of its own."""
    by_chance: float
    """How often equal halves differ at least so much (Mann-Whitney, two-sided)."""
    samples: int

    @property
    def holds(self) -> bool:
        """Whether the halves agree."""
        return self.by_chance >= BY_CHANCE or abs(self.ratio - 1) <= MATTERS


def agreements(samples: Sequence[Sample]) -> Iterator[Agreement]:
    """Compare the halves in TTFT and in the time until the answer is complete, where there are enough."""
    for figure, (a, b) in _halves(samples).items():
        if min(len(a), len(b)) >= needed_samples(0.5):
            ratio = statistics.median(a) / statistics.median(b)
            yield Agreement(figure, ratio, mann_whitney(a, b), len(a) + len(b))


def demand_agreement(samples: Sequence[Sample]) -> None:
    """Hold the halves to being alike.

    Raises:
        ProbeError: they are not: the meter, or what it runs on, treats equal requests unequally.

    """
    for agreement in agreements(samples):
        if not agreement.holds:
            raise ProbeError(
                f"the measurement is invalid: two halves of it differ in {agreement.figure} by "
                f"{abs(agreement.ratio - 1):.0%}, which chance does once in {1 / agreement.by_chance:.0f} "
                "runs: run it again, alone on the machine"
            )


def _halves(samples: Sequence[Sample]) -> dict[str, Halves]:
    """Give one of each two neighbours of a kind to each half, by a coin that knows nothing of the server."""
    kinds: dict[tuple[int, str, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        if not sample.miss:
            kinds[sample.endpoint, sample.label, sample.phase].append(sample)
    coin = random.Random(SEED)  # noqa: S311  the same samples give the same halves
    halves: dict[str, Halves] = {"TTFT": ([], []), "total": ([], [])}
    for kind in kinds.values():
        for pair in zip(kind[::2], kind[1::2], strict=False):
            first, second = pair if coin.random() < 0.5 else pair[::-1]
            for half, sample in enumerate((first, second)):
                halves["TTFT"][half].append(sample.first_token_s or 0)
                halves["total"][half].append(sample.ended_s)
    return halves


def mann_whitney(a: Sequence[float], b: Sequence[float]) -> float:
    """Give the two-sided chance that equal distributions differ so much (normal, ties and step corrected)."""
    ranked = sorted([(value, 0) for value in a] + [(value, 1) for value in b])
    rank_sum, ties, place = 0.0, 0.0, 0
    while place < len(ranked):
        end = place
        while end < len(ranked) and ranked[end][0] == ranked[place][0]:
            end += 1
        rank_sum += (place + end + 1) / 2 * sum(half == 0 for _, half in ranked[place:end])
        ties += (end - place) ** 3 - (end - place)
        place = end
    n, m, total = len(a), len(b), len(ranked)
    u = rank_sum - n * (n + 1) / 2
    spread = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if spread <= 0:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(spread)
    return math.erfc(z / math.sqrt(2))
