"""Whether a figure of the candidate is worse than that of the live endpoint: for sure, surely not, unclear.

Per figure, the mean log ratio over blocks and its one-sided bounds:

- *worse*: the lower bound lies above ``fails_above`` (+5 %). The chance that any figure is called worse,
  though none is by more than that, is at most 1 %: Holm's correction over the figures (Holm 1979), and half
  of it for each of the two looks, before and after the measurement is extended.
- *holds*: the upper bound lies below ``passes_below`` (+15 %). All figures have to, so each keeps its own
  5 % (intersection-union test, Berger 1982), half of it for each look.
- *unclear* otherwise: the measurement is extended once, by as much as would tell.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shipworthy.probes.inference.regression.blocks import FIGURES, Block, Figure
from shipworthy.probes.inference.regression.estimate import FEWEST, Estimate, estimate

LOOKS = 2
WRONG_FAILURE = 0.01
WRONG_PASS = 0.05
TOLD = 1.645
"""Standard errors of room beyond a bound that tell in 19 of 20 measurements."""
MOST_MORE = 5
"""An extension has at most so many times the blocks of the first measurement."""


class Verdict(StrEnum):
    """What can be said of a figure, and of all of them together."""

    WORSE = "worse"
    HOLDS = "holds"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Margins:
    """What counts as worse, as shares: 0.05 is 5 % above the live endpoint."""

    fails_above: float = 0.05
    passes_below: float = 0.15


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of both endpoints. The ratios are candidate to live: 1.1 is 10 % slower."""

    figure: str
    verdict: Verdict
    ratio: float
    low: float
    """The ratio is surely at least this, at the level that Holm's correction leaves this figure."""
    high: float
    """The ratio is surely at most this."""
    candidate_s: float | None
    live_s: float | None
    """Over all whole answers of the arm, None without one; the ratio is not taken from these."""
    blocks: int
    blocks_to_tell: int
    """With so many blocks in all it would be told in 19 of 20 measurements, if it is as it looks."""


@dataclass(frozen=True, slots=True)
class Misses:
    """Answers that did not come whole, of either arm."""

    candidate: int
    live: int
    asked: int
    """Of each arm."""
    chance: float
    """Of so many misses of the candidate among all, were both endpoints alike (Fisher's exact test)."""
    example: str | None

    @property
    def worse(self) -> bool:
        """The candidate misses more, for sure."""
        return self.chance <= WRONG_FAILURE / LOOKS


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that was compared."""

    figures: tuple[Compared, ...]
    misses: Misses

    @property
    def verdict(self) -> Verdict:
        """Worse where anything is, holds where everything does."""
        verdicts = {compared.verdict for compared in self.figures}
        if self.misses.worse or Verdict.WORSE in verdicts:
            return Verdict.WORSE
        return Verdict.HOLDS if verdicts == {Verdict.HOLDS} else Verdict.UNCLEAR


def compare(blocks: Sequence[Block], margins: Margins | None = None) -> Comparison:
    """Compare every figure.

    Raises:
        ValueError: fewer than eight blocks hold something to compare.

    """
    margins = margins or Margins()
    ratios = [figure.log_ratios(blocks) for figure in FIGURES]
    usable = min(map(len, ratios))
    if usable < FEWEST:
        raise ValueError(f"{usable} blocks hold something to compare; at least {FEWEST} are needed")
    estimates = [estimate(values) for values in ratios]
    levels = holm_levels([e.chance_at_most(math.log1p(margins.fails_above)) for e in estimates])
    figures = tuple(
        _compared(figure, found, level, blocks, len(values), margins)
        for figure, found, level, values in zip(FIGURES, estimates, levels, ratios, strict=True)
    )
    return Comparison(figures, count_misses(blocks))


def holm_levels(chances: Sequence[float], whole: float = WRONG_FAILURE / LOOKS) -> list[float]:
    """Give the level at which each p value is held, by Holm's step-down procedure.

    The smallest is held against ``whole / m``, the next against ``whole / (m - 1)``, and so on; from the
    first that does not fall below its level on, all are held against that one, and so none does.
    """
    levels = [0.0] * len(chances)
    level, rejecting = 0.0, True
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        if rejecting:
            level = whole / (len(chances) - rank)
            rejecting = chances[place] < level
        levels[place] = level
    return levels


def count_misses(blocks: Sequence[Block]) -> Misses:
    """Count the answers that did not come whole, and weigh them."""
    ours = [answer.miss for block in blocks for answer in block.candidate]
    theirs = [answer.miss for block in blocks for answer in block.live]
    missed, missed_live = (sum(miss is not None for miss in arm) for arm in (ours, theirs))
    example = next((miss for miss in ours if miss), None)
    chance = _at_least(missed, missed + missed_live, len(ours), len(ours) + len(theirs))
    return Misses(missed, missed_live, len(ours), chance, example)


def _at_least(seen: int, marked: int, drawn: int, everything: int) -> float:
    """Give the chance that of ``drawn`` out of ``everything`` at least ``seen`` are ``marked``."""
    most = min(marked, drawn)
    ways = sum(
        math.comb(marked, k) * math.comb(everything - marked, drawn - k) for k in range(seen, most + 1)
    )
    return ways / math.comb(everything, drawn)


def _compared(
    figure: Figure, found: Estimate, level: float, blocks: Sequence[Block], used: int, margins: Margins
) -> Compared:
    low, high = found.low(level), found.high(WRONG_PASS / LOOKS)
    floor, ceiling = math.log1p(margins.fails_above), math.log1p(margins.passes_below)
    return Compared(
        figure=figure.name,
        verdict=Verdict.WORSE if low > floor else Verdict.HOLDS if high < ceiling else Verdict.UNCLEAR,
        ratio=math.exp(found.mean),
        low=math.exp(low),
        high=math.exp(high),
        candidate_s=figure.pooled_s(blocks, "candidate"),
        live_s=figure.pooled_s(blocks, "live"),
        blocks=used,
        blocks_to_tell=min(
            _needed(used, found.mean - floor, found.mean - low, found.error),
            _needed(used, ceiling - found.mean, high - found.mean, found.error),
        ),
    )


def _needed(used: int, room: float, width: float, error: float) -> int:
    """Give how many blocks make the room as wide as the bound and ``TOLD``; widths shrink with their root."""
    return math.ceil(used * ((width + TOLD * error) / room) ** 2) if room > 0 else sys.maxsize


def extension(comparison: Comparison, first: int) -> int:
    """Give the blocks to measure beyond the ``first`` ones: none where all is told, else what would tell."""
    if comparison.verdict is not Verdict.UNCLEAR:
        return 0
    unclear = (c for c in comparison.figures if c.verdict is Verdict.UNCLEAR)
    needed = max(compared.blocks_to_tell for compared in unclear) - first
    return min(max(needed, first), MOST_MORE * first)
