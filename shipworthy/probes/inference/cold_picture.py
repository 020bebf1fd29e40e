"""Cold starts as a picture: one bar a start, from the request to the first token, in its parts."""

from __future__ import annotations

from collections.abc import Iterator

from shipworthy.probes.inference.cold import ColdRun, ColdStart
from shipworthy.probes.svg import WIDTH, Scale, bar, legend, line, page, text, x_axis

LEFT, RIGHT, TOP = 200, 60, 114
LANE = 34
KINDS = {"queue": "wait", "boot": "warn", "load": "main", "first token": "good"}


def draw_cold_starts(run: ColdRun, promised_s: float | None) -> str:
    """Give the picture as SVG, for light and dark pages."""
    longest = max((start.first_tokens_s[-1] for start in run.starts if start.first_tokens_s), default=1.0)
    across = Scale(0, 1.05 * max(longest, promised_s or 0.0), LEFT, WIDTH - RIGHT)
    bottom = TOP + max(len(run.starts), 1) * LANE
    parts = (
        *legend((kind, name) for name, kind in KINDS.items()),
        *x_axis(across, TOP, bottom, "seconds after the request"),
        *_lanes(run, across),
        *_limit(promised_s, across, bottom),
    )
    title = f"{len(run.starts)} cold starts, each from zero machines"
    return page(bottom + 44, title, "A line across a bar is a caller's first token.", parts)


def _lanes(run: ColdRun, across: Scale) -> Iterator[str]:
    if not run.starts:
        yield text(LEFT, TOP + 20, "no cold start: it never went to zero", "dim")
    for number, start in enumerate(run.starts, 1):
        y = TOP + (number - 1) * LANE
        who = f"{number}: {start.callers} callers" if start.callers > 1 else f"{number}: one caller"
        yield line("grid", 16, y + LANE, WIDTH - RIGHT, y + LANE)
        yield text(16, y + 22, f"{who}, {start.machines} started")
        yield from _bar(start, y, across)


def _bar(start: ColdStart, y: int, across: Scale) -> Iterator[str]:
    begun_s = 0.0
    for name, seconds in start.parts_s.items():
        x = across(begun_s)
        begun_s += seconds
        yield bar(KINDS[name], x, y + 8, across(begun_s) - x, LANE - 16, f"{name}: {seconds:.2f} s")
    for first_s in start.first_tokens_s:
        yield line("quantile", across(first_s), y + 5, across(first_s), y + LANE - 5)
    if start.troubles:
        words = f"{len(start.troubles)} without an answer: {start.troubles[0]}"
        yield text(LEFT + 8, y + 22, words[:120], "bad")


def _limit(promised_s: float | None, across: Scale, bottom: int) -> Iterator[str]:
    if promised_s is not None:
        x = across(promised_s)
        yield line("limit", x, TOP - 6, x, bottom)
        yield text(x, TOP - 10, f"{promised_s:g} s promised", "bad", "middle")
