"""What the pictures of measurements are made of: a page for light and dark, axes, bars, lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 1280
STEPS = (1, 2, 5)
MOST_TICKS = 8

# The colours hold at least 3:1 against both backgrounds; what matters is also told by shape or text.
STYLE = """
  svg { color-scheme: light dark; font: 12px system-ui, sans-serif; --ink: #1d2330; --dim: #5b6474;
        --line: #d9dde5; --paper: #ffffff; --bad: #c62f3b; --warn: #b8640a; --main: #2f6fb0;
        --good: #2b7d49; --wait: #838fa1; --mark: #7a2fb5; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e8ebf1; --dim: #a3acbb; --line: #3a4250; --paper: #171b22; --bad: #f0656f;
          --warn: #e8963c; --main: #6fa8dc; --good: #58c07d; --wait: #76849c; --mark: #c08bf0; }
  }
  text { fill: var(--ink); } .dim { fill: var(--dim); } .grid { stroke: var(--line); }
  .axis { stroke: var(--dim); } .paper { fill: var(--paper); } .title { font-size: 16px; font-weight: 600; }
  .bad { fill: var(--bad); } .warn { fill: var(--warn); } .main { fill: var(--main); }
  .good { fill: var(--good); } .wait { fill: var(--wait); } .mark { fill: var(--mark); }
  rect { fill-opacity: 0.88; } .paper { fill-opacity: 1; } path.mark { stroke: var(--paper); }
  .limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 6 3; }
  .curve { stroke: var(--main); stroke-width: 2; fill: none; }
  .second { stroke: var(--warn); stroke-width: 2; fill: none; stroke-dasharray: 5 3; }
  .knee { stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 2 3; }
  .quantile { stroke: var(--ink); stroke-width: 1.5; }
  .ceiling { stroke: var(--warn); stroke-width: 1.5; stroke-dasharray: 6 3; }
  .tick { stroke: var(--dim); stroke-dasharray: 2 3; }
  .faint { fill: var(--main); fill-opacity: 0.45; }
  .mean { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
  .label { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """From a value to a place on the page, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Give the place; values beyond the ends are put on them."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        share = (at - low) / (high - low) if high > low else 0.0
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Give round values between the ends: 1, 2 and 5 times a power of ten where it is logarithmic."""
        if self.log:
            few = self._powers(STEPS)
            if len(few) > MOST_TICKS + 2:
                return self._powers((1,))
            return few if len(few) > 2 else self._powers(range(1, 10))
        step = round_step((self.high - self.low) / MOST_TICKS)
        count = int((self.high - self.low) / step + 1e-9)
        return [self.low + n * step for n in range(count + 1)]

    def _powers(self, factors: Iterable[int]) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = sorted(factor * 10.0**power for factor in factors for power in powers)
        return [value for value in every if self.low <= value <= self.high]


def round_step(least: float) -> float:
    """Give the next number of the kind 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next((m * power for m in (*STEPS, 10) if m * power >= least * 0.9999), 10 * power)


def page(height: float, title: str, subtitle: str, parts: Iterable[str]) -> str:
    """Give the whole picture."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}"'
        f' height="{height:.0f}" role="img" aria-label="{escape(title)}"><style>{STYLE}</style>\n'
        f'<rect class="paper" width="{WIDTH}" height="{height:.0f}"/>\n'
        f"{text(16, 28, title, 'title')}\n{text(16, 48, subtitle, 'dim')}\n{body}\n</svg>\n"
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start", told: str = "") -> str:
    """Give one line of text; ``told`` is shown under the pointer."""
    named = f' class="{kind}"' if kind else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}'
    return f"<text {place}>{escape(words)}{_under_pointer(told)}</text>"


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """Give one straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def bar(kind: str, x: float, y: float, width: float, height: float, told: str = "") -> str:
    """Give one rectangle; ``told`` is shown under the pointer."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.8):.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" {place}>{_under_pointer(told)}</rect>'


def legend(named: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Give a line of colours with what they mean, below the title."""
    x = 16.0
    for kind, words in named:
        yield bar(kind, x, 66, 14, 12)
        yield text(x + 20, 76, words)
        x += 44 + 6.6 * len(words)


def wedge(kind: str, x: float, y: float, told: str = "") -> str:
    """Give one small triangle that stands on a point's height; ``told`` is shown under the pointer."""
    return f'<path class="{kind}" d="M{x - 7:.1f} {y:.1f}l7-13l7 13z">{_under_pointer(told)}</path>'


def dot(kind: str, x: float, y: float, radius: float) -> str:
    """Give one filled circle."""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'


def path(kind: str, points: Sequence[tuple[float, float]]) -> str:
    """Give a line through points."""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{steps}"/>'


def x_axis(scale: Scale, top: float, bottom: float, unit: str) -> Iterator[str]:
    """Give vertical grid lines with their values, and the unit at the end."""
    for value in scale.ticks():
        yield line("grid", scale(value), top, scale(value), bottom)
        yield text(scale(value), bottom + 16, f"{value:g}", "dim", "middle")
    yield line("axis", scale.start, bottom, scale.end, bottom)
    yield text(scale.end, bottom + 32, unit, "dim", "end")


def y_axis(scale: Scale, left: float, right: float, unit: str, *, at_right: bool = False) -> Iterator[str]:
    """Give horizontal grid lines with their values, and the unit above."""
    x, anchor = (right + 6, "start") if at_right else (left - 6, "end")
    for value in scale.ticks():
        if not at_right:
            yield line("grid", left, scale(value), right, scale(value))
        yield text(x, scale(value) + 4, f"{value:g}", "dim", anchor)
    yield text(x, scale.end - 12, unit, "dim", "end" if at_right else "start")


def _under_pointer(told: str) -> str:
    return f"<title>{escape(told)}</title>" if told else ""
