"""Cold starts as a picture: one bar a start, from the request to the first token, in its parts."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from shipworthy.probes.inference.cold import PHASES, ColdRun, ColdStart

WIDTH = 1280
LEFT, RIGHT, TOP = 200, 60, 84
LANE = 34
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
PARTS = (*PHASES, "first token")

# The colours hold at least 3:1 against both backgrounds; the parts are also told apart by their order.
STYLE = """
  svg { color-scheme: light dark; font: 12px system-ui, sans-serif; --ink: #1d2330; --dim: #5b6474;
        --line: #d9dde5; --paper: #ffffff; --queue: #7a6f5d; --boot: #b8640a; --load: #4a7fb5;
        --token: #2b8a4b; --limit: #c62f3b; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e8ebf1; --dim: #a3acbb; --line: #3a4250; --paper: #171b22; --queue: #a89c88;
          --boot: #e8963c; --load: #6fa8dc; --token: #58c07d; --limit: #f0656f; }
  }
  text { fill: var(--ink); } .dim { fill: var(--dim); } .grid { stroke: var(--line); }
  .paper { fill: var(--paper); } .title { font-size: 16px; font-weight: 600; }
  .queue { fill: var(--queue); } .boot { fill: var(--boot); } .load { fill: var(--load); }
  .first-token { fill: var(--token); } .caller { stroke: var(--ink); stroke-width: 2; }
  .limit { stroke: var(--limit); stroke-width: 2; stroke-dasharray: 6 3; } .over { fill: var(--limit); }
"""


def draw_cold_starts(run: ColdRun, promised_s: float | None) -> str:
    """Give the picture as SVG, 1,280 px wide, for light and dark pages."""
    longest = max((start.first_tokens_s[-1] for start in run.starts if start.first_tokens_s), default=1.0)
    end = 1.05 * max(longest, promised_s or 0.0)
    scale = (WIDTH - LEFT - RIGHT) / end
    bottom = TOP + max(len(run.starts), 1) * LANE
    height = bottom + 44
    parts = (*_frame(run, height), *_axis(end, scale, bottom), *_lanes(run, scale),
             *_limit(promised_s, scale, bottom))  # fmt: skip
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="Cold starts, from the request to the first token">'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def _frame(run: ColdRun, height: int) -> Iterator[str]:
    yield f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    title = f"{len(run.starts)} cold starts, each from zero machines"
    yield f'<text class="title" x="16" y="28">{title}</text>'
    x = 16
    for name in PARTS:
        yield f'<rect class="{_class(name)}" x="{x}" y="45" width="14" height="12" rx="2"/>'
        yield f'<text x="{x + 20}" y="56">{name}</text>'
        x += 48 + 7 * len(name)
    yield f'<path class="caller" d="M{x + 6} 44v14"/><text x="{x + 16}" y="56">a caller\'s first token</text>'


def _axis(end: float, scale: float, bottom: int) -> Iterator[str]:
    apart = next((tick for tick in TICKS if end / tick <= 12), TICKS[-1])
    for number in range(int(end // apart) + 1):
        x = LEFT + number * apart * scale
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        place = f'x="{x:.1f}" y="{bottom + 16}" text-anchor="middle"'
        yield f'<text class="dim" {place}>{number * apart:g} s</text>'


def _lanes(run: ColdRun, scale: float) -> Iterator[str]:
    if not run.starts:
        yield f'<text class="dim" x="{LEFT}" y="{TOP + 20}">no cold start: it never went to zero</text>'
    for number, start in enumerate(run.starts, 1):
        y = TOP + (number - 1) * LANE
        who = f"{number}: {start.callers} callers" if start.callers > 1 else f"{number}: one caller"
        yield f'<line class="grid" x1="16" x2="{WIDTH - RIGHT}" y1="{y + LANE}" y2="{y + LANE}"/>'
        yield f'<text x="16" y="{y + 22}">{who}, {start.machines} started</text>'
        yield from _bar(start, y, scale)


def _bar(start: ColdStart, y: int, scale: float) -> Iterator[str]:
    x = float(LEFT)
    for name, seconds in start.parts_s.items():
        width = max(seconds * scale, 1.0)
        yield (
            f'<rect class="{_class(name)}" x="{x:.1f}" y="{y + 8}" width="{width:.1f}" height="{LANE - 16}"'
            f' fill-opacity="0.85"><title>{name}: {seconds:.2f} s</title></rect>'
        )
        x += width
    for first_s in start.first_tokens_s:
        at = LEFT + first_s * scale
        yield f'<path class="caller" d="M{at:.1f} {y + 5}v{LANE - 10}"><title>{first_s:.2f} s</title></path>'
    if start.troubles:
        text = f"{len(start.troubles)} without an answer: {start.troubles[0]}"
        yield f'<text class="over" x="{LEFT + 8}" y="{y + 22}">{escape(text[:120])}</text>'


def _limit(promised_s: float | None, scale: float, bottom: int) -> Iterator[str]:
    if promised_s is not None:
        x = LEFT + promised_s * scale
        yield f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom}"/>'
        place = f'x="{x:.1f}" y="{TOP - 10}" text-anchor="middle"'
        yield f'<text class="over" {place}>{promised_s:g} s promised</text>'


def _class(part: str) -> str:
    return part.replace(" ", "-")
