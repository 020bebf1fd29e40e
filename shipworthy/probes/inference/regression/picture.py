"""The comparison as a picture: one lane a figure, every block a dot, the interval a bar, the limits lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from shipworthy.probes.inference.regression.blocks import FIGURES, Block
from shipworthy.probes.inference.regression.judgement import in_ms
from shipworthy.probes.inference.regression.verdict import Compared, Comparison, Margins, Verdict, compare

WIDTH = 1280
LEFT, RIGHT, TOP, LANE = 170, 400, 110, 58
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0, 3.0, 5.0, 10.0)
NARROWEST = (0.85, 1.25)
WIDEST = (0.1, 10.0)
WORDS = {Verdict.WORSE: "worse", Verdict.HOLDS: "holds", Verdict.UNCLEAR: "unclear"}

# The colours hold at least 3:1 against both backgrounds; the verdict also stands beside each bar.
STYLE = """
  svg { color-scheme: light dark; font: 12px system-ui, sans-serif; --ink: #1d2330; --dim: #5b6474;
        --line: #d9dde5; --paper: #ffffff; --worse: #c62f3b; --unclear: #b8640a; --holds: #2f7d4f;
        --dot: #4a7fb5; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e8ebf1; --dim: #a3acbb; --line: #3a4250; --paper: #171b22; --worse: #f0656f;
          --unclear: #e8963c; --holds: #5cc08a; --dot: #6fa8dc; }
  }
  text { fill: var(--ink); } .dim { fill: var(--dim); } .grid { stroke: var(--line); }
  .paper { fill: var(--paper); } .title { font-size: 16px; font-weight: 600; }
  .dot { fill: var(--dot); fill-opacity: 0.45; } .bar { stroke-width: 7; stroke-linecap: round; }
  .worse { fill: var(--worse); } .unclear { fill: var(--unclear); } .holds { fill: var(--holds); }
  .bar.worse { stroke: var(--worse); } .bar.unclear { stroke: var(--unclear); }
  .bar.holds { stroke: var(--holds); } .mean { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
  .limit, .ceiling { stroke: var(--worse); stroke-dasharray: 5 4; } .ceiling { stroke: var(--unclear); }
  .one { stroke: var(--dim); }
"""


class Scale:
    """Where a ratio lies from left to right: logarithmic, so that twice and half are as far from one."""

    def __init__(self, ratios: Sequence[float]) -> None:
        self.low = max(WIDEST[0], min(NARROWEST[0], *ratios) * 0.97)
        self.high = min(WIDEST[1], max(NARROWEST[1], *ratios) * 1.03)

    def x(self, ratio: float) -> float:
        """Give the place in pixels; what lies outside is drawn at the edge."""
        inside = min(max(ratio, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)


def draw_comparison(blocks: Sequence[Block], margins: Margins) -> str | None:
    """Give the picture as SVG, 1,280 px wide, for light and dark pages; None with too little to compare."""
    try:
        comparison = compare(blocks, margins)
    except ValueError:
        return None
    return _draw(blocks, comparison, margins)


def _draw(blocks: Sequence[Block], comparison: Comparison, margins: Margins) -> str:
    dots = [[math.exp(log) for log in figure.log_ratios(blocks)] for figure in FIGURES]
    bounds = [bound for compared in comparison.figures for bound in (compared.low, compared.high)]
    scale = Scale([*bounds, *(ratio for ratios in dots for ratio in ratios)])
    bottom = TOP + LANE * len(FIGURES)
    parts = (
        *_frame(blocks, bottom + 50),
        *_axis(scale, bottom),
        *_limits(scale, margins, bottom),
        *(
            part
            for lane, (compared, ratios) in enumerate(zip(comparison.figures, dots, strict=True))
            for part in _lane(compared, ratios, TOP + lane * LANE, scale)
        ),
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 50}" width="{WIDTH}"'
        f' height="{bottom + 50}" role="img" aria-label="Candidate against live: ratio of each figure">'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def _frame(blocks: Sequence[Block], height: int) -> Iterator[str]:
    yield f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    answers = sum(len(block.candidate) for block in blocks)
    title = f"Candidate to live, {len(blocks)} pairs of blocks, {answers} answers of each"
    yield f'<text class="title" x="16" y="28">{escape(title)}</text>'
    yield (
        '<text class="dim" x="16" y="50">A dot is the ratio within one pair of blocks; the bar reaches from'
        " what the ratio surely is at least to what it surely is at most. Right of 1 is slower.</text>"
    )


def _axis(scale: Scale, bottom: int) -> Iterator[str]:
    for tick in TICKS:
        if scale.low <= tick <= scale.high:
            x = scale.x(tick)
            name = "one" if tick == 1 else "grid"
            yield f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
            yield f'<text class="dim" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>'


def _limits(scale: Scale, margins: Margins, bottom: int) -> Iterator[str]:
    sides = (
        ("limit", margins.fails_above, "end", -6, "a bar right of it fails"),
        ("ceiling", margins.passes_below, "start", 6, "a bar left of it passes"),
    )
    for name, margin, anchor, beside, meaning in sides:
        x = scale.x(1 + margin)
        yield f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 14}" y2="{bottom}"/>'
        text = f"{margin:+.0%}: {meaning}"
        yield f'<text class="dim" x="{x + beside:.1f}" y="{TOP - 18}" text-anchor="{anchor}">{text}</text>'


def _lane(compared: Compared, ratios: Sequence[float], y: int, scale: Scale) -> Iterator[str]:
    middle, name = y + LANE / 2, WORDS[compared.verdict]
    yield f'<line class="grid" x1="16" x2="{WIDTH - 16}" y1="{y + LANE}" y2="{y + LANE}"/>'
    yield f'<text x="16" y="{middle + 4}">{escape(compared.figure)}</text>'
    for number, ratio in enumerate(ratios):
        # spread by their order, so that dots of one place are seen as many
        yield f'<circle class="dot" cx="{scale.x(ratio):.1f}" cy="{y + 10 + number % 7 * 3:.1f}" r="3"/>'
    low, high = scale.x(compared.low), scale.x(compared.high)
    yield f'<line class="bar {name}" x1="{low:.1f}" x2="{high:.1f}" y1="{y + 42}" y2="{y + 42}"/>'
    yield f'<circle class="mean" cx="{scale.x(compared.ratio):.1f}" cy="{y + 42}" r="4.5"/>'
    x = WIDTH - RIGHT + 24
    yield f'<text class="{name}" x="{x}" y="{middle - 5}">{name}: {_words(compared)}</text>'
    times = " against ".join(in_ms(time_s) for time_s in (compared.candidate_s, compared.live_s))
    yield f'<text class="dim" x="{x}" y="{middle + 13}">{times}</text>'


def _words(compared: Compared) -> str:
    return f"{compared.ratio:.3f} times, surely {compared.low:.3f} to {compared.high:.3f}"
