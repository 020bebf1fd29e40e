"""The comparison as a picture: one lane a figure, every block a dot, the interval a bar, the limits lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from shipworthy.probes.inference.regression.blocks import FIGURES, Block
from shipworthy.probes.inference.regression.judgement import in_ms
from shipworthy.probes.inference.regression.verdict import Compared, Comparison, Margins, Verdict, compare
from shipworthy.probes.svg import WIDTH, Scale, bar, dot, line, page, text

LEFT, RIGHT, TOP, LANE = 170, 400, 110, 58
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0, 3.0, 5.0, 10.0)
NARROWEST = (0.85, 1.25)
WIDEST = (0.1, 10.0)
WORDS = {Verdict.WORSE: "worse", Verdict.HOLDS: "holds", Verdict.UNCLEAR: "unclear"}
KINDS = {Verdict.WORSE: "bad", Verdict.HOLDS: "good", Verdict.UNCLEAR: "warn"}
LEGEND = (
    "A dot is the ratio within one pair of blocks; the bar reaches from what the ratio surely is at least to"
    " what it surely is at most. Right of 1 is slower."
)


def draw_comparison(blocks: Sequence[Block], margins: Margins) -> str | None:
    """Give the picture as SVG, for light and dark pages; None with too little to compare."""
    try:
        comparison = compare(blocks, margins)
    except ValueError:
        return None
    return _draw(blocks, comparison, margins)


def _draw(blocks: Sequence[Block], comparison: Comparison, margins: Margins) -> str:
    dots = [[math.exp(log) for log in figure.log_ratios(blocks)] for figure in FIGURES]
    bounds = [bound for compared in comparison.figures for bound in (compared.low, compared.high)]
    across = _scale([*bounds, *(ratio for ratios in dots for ratio in ratios)])
    bottom = TOP + LANE * len(FIGURES)
    lanes = zip(comparison.figures, dots, strict=True)
    parts = (
        *_axis(across, bottom),
        *_limits(across, margins, bottom),
        *(part for number, lane in enumerate(lanes) for part in _lane(*lane, TOP + number * LANE, across)),
    )
    answers = sum(len(block.candidate) for block in blocks)
    title = f"Candidate to live, {len(blocks)} pairs of blocks, {answers} answers of each"
    return page(bottom + 50, title, LEGEND, parts)


def _scale(ratios: Sequence[float]) -> Scale:
    """Put ratios from left to right, logarithmic, so that twice and half are as far from one."""
    low = max(WIDEST[0], min(NARROWEST[0], *ratios) * 0.97)
    high = min(WIDEST[1], max(NARROWEST[1], *ratios) * 1.03)
    return Scale(low, high, LEFT, WIDTH - RIGHT, log=True)


def _axis(across: Scale, bottom: int) -> Iterator[str]:
    for tick in TICKS:
        if across.low <= tick <= across.high:
            yield line("axis" if tick == 1 else "grid", across(tick), TOP, across(tick), bottom)
            yield text(across(tick), bottom + 18, f"{tick:g}", "dim", "middle")


def _limits(across: Scale, margins: Margins, bottom: int) -> Iterator[str]:
    sides = (
        ("limit", margins.fails_above, "end", -6, "a bar right of it fails"),
        ("ceiling", margins.passes_below, "start", 6, "a bar left of it passes"),
    )
    for kind, margin, anchor, beside, meaning in sides:
        x = across(1 + margin)
        yield line(kind, x, TOP - 14, x, bottom)
        yield text(x + beside, TOP - 18, f"{margin:+.0%}: {meaning}", "dim", anchor)


def _lane(compared: Compared, ratios: Sequence[float], y: int, across: Scale) -> Iterator[str]:
    middle, kind = y + LANE / 2, KINDS[compared.verdict]
    yield line("grid", 16, y + LANE, WIDTH - 16, y + LANE)
    yield text(16, middle + 4, compared.figure)
    for number, ratio in enumerate(ratios):
        # spread by their order, so that dots of one place are seen as many
        yield dot("faint", across(ratio), y + 10 + number % 7 * 3, 3)
    low, high = across(compared.low), across(compared.high)
    yield bar(kind, low - 3, y + 39, high - low + 6, 7)
    yield dot("mean", across(compared.ratio), y + 42.5, 4.5)
    x = WIDTH - RIGHT + 24
    yield text(x, middle - 5, f"{WORDS[compared.verdict]}: {_words(compared)}", kind)
    times = " against ".join(in_ms(time_s) for time_s in (compared.candidate_s, compared.live_s))
    yield text(x, middle + 13, times, "dim")


def _words(compared: Compared) -> str:
    return f"{compared.ratio:.3f} times, surely {compared.low:.3f} to {compared.high:.3f}"
