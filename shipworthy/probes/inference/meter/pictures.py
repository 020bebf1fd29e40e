"""A measurement as pictures: distributions, a timeline with its stalls, a sweep with its knee. SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain

from shipworthy.probes.inference.meter.figures import times
from shipworthy.probes.inference.meter.sample import Sample
from shipworthy.probes.inference.meter.slo import Limits
from shipworthy.probes.inference.meter.sweep import Sweep
from shipworthy.probes.inference.statistics import needed_samples, percentile
from shipworthy.probes.svg import WIDTH, Scale, bar, dot, legend, line, page, path, text, x_axis, y_axis

LEFT, RIGHT = 60, 30
PANEL = 190
BINS = 80
LEAST_MS = 0.1
"""What came sooner after the text before it came with it."""
LANES = 220
STALLS = 4.0
"""Without a promised gap, one that is so many times the 95th percentile of all gaps is shown as a stall."""
LEGEND = (
    ("wait", "until the first token"),
    ("main", "tokens come"),
    ("warn", "a stall"),
    ("bad", "a miss"),
)


def draw_distributions(samples: Sequence[Sample], limits: Limits) -> str:
    """Draw how TTFT, the gaps, and the whole time are distributed; misses are left out and counted.

    Raises:
        TooFewSamplesError: no answer was complete.

    """
    seen = times(samples)
    shown = (
        ("Time to first token", seen["TTFT"], limits.ttft_s),
        ("Gaps between events", seen["gap"], limits.gap_s),
        ("Whole answer", seen["total"], limits.total_s),
    )
    panels = [panel for panel in shown if panel[1]]
    misses = sum(bool(sample.miss) for sample in samples)
    subtitle = f"{len(samples) - misses} complete answers, {misses} misses; time to the right, logarithmic"
    parts = chain.from_iterable(
        _distribution(name, values, limit_s, 90 + number * (PANEL + 80))
        for number, (name, values, limit_s) in enumerate(panels)
    )
    return page(80 + len(panels) * (PANEL + 80), "How the times are distributed", subtitle, parts)


def _distribution(name: str, values: Sequence[float], limit_s: float | None, top: float) -> Iterator[str]:
    limit = None if limit_s is None else limit_s * 1000
    positive = [max(value, LEAST_MS) for value in values]
    low, high = min(positive) / 1.15, max([*positive, *([limit] if limit else [])]) * 1.15
    across = Scale(low, high, LEFT, WIDTH - RIGHT, log=True)
    counts = [0] * BINS
    for value in positive:
        place = (across(value) - across.start) / (across.end - across.start)
        counts[min(BINS - 1, int(place * BINS))] += 1
    bottom = top + PANEL
    up = Scale(0, max(counts), bottom, top + 20)
    yield text(LEFT, top - 8, f"{name}, n = {len(values)}", "title")
    yield from x_axis(across, top + 20, bottom, "ms")
    yield from _counts_axis(up)
    wide = (across.end - across.start) / BINS
    for number, count in enumerate(counts):
        if count:
            x = across.start + number * wide
            kind = "bad" if limit is not None and x + wide / 2 > across(limit) else "main"
            yield bar(kind, x + 0.5, up(count), wide - 1, bottom - up(count), f"{count}")
    yield from _quantile_marks(values, across, top, bottom)
    if limit is not None:
        x = across(limit)
        yield line("limit", x, top + 4, x, bottom)
        yield text(x - 5, top + 14, f"limit {limit:g} ms", "bad", "end")


def _counts_axis(up: Scale) -> Iterator[str]:
    for value in (0.0, up.high):
        yield text(LEFT - 8, up(value) + 4, f"{value:g}", "dim", "end")


def _quantile_marks(values: Sequence[float], across: Scale, top: float, bottom: float) -> Iterator[str]:
    """Mark the percentiles that there are enough samples for; where two are near, the text goes lower."""
    last, row = -math.inf, 0
    for q in (0.5, 0.95, 0.99):
        if len(values) < needed_samples(q):
            continue
        value = percentile(values, q)
        x = across(value)
        row = row + 1 if x - last < 90 else 0
        last = x
        yield line("quantile", x, top + 20, x, bottom)
        yield text(x + 4, top + 32 + 14 * row, f"p{q * 100:g} {value:.3g} ms", "label")


def draw_timeline(samples: Sequence[Sample], limits: Limits) -> str:
    """Draw every answer as a line from the moment it was to be asked for; stalls and misses stand out.

    Of more answers than fit, those with stalls and misses are drawn, and every n-th of the others.
    """
    stall_s = _stall_s(samples, limits)
    drawn = _chosen(samples, stall_s)
    high = 3.0 if len(drawn) > 110 else 6.0
    top, bottom = 110.0, 110.0 + (high + 1) * max(len(drawn), 1)
    begin = min((s.intended_s for s in drawn), default=0.0)
    end = max((s.intended_s + s.ended_s for s in drawn), default=begin + 1)
    across = Scale(0, end - begin, LEFT, WIDTH - RIGHT)
    lanes = chain.from_iterable(
        _lane(sample, across, begin, top + number * (high + 1), high, stall_s)
        for number, sample in enumerate(drawn)
    )
    shown = "" if len(drawn) == len(samples) else f"; {len(drawn)} are drawn"
    stalls = sum(gap_s > stall_s for sample in samples for gap_s in sample.gaps_s)
    misses = sum(bool(sample.miss) for sample in samples)
    counted = f"{len(samples)} answers, {misses} misses, {stalls} stalls"
    subtitle = f"{counted} (gaps above {stall_s * 1000:.0f} ms){shown}"
    parts = (*legend(LEGEND), *x_axis(across, top - 6, bottom, "seconds after the first request"), *lanes)
    return page(bottom + 48, "When answers came", subtitle, parts)


def _stall_s(samples: Sequence[Sample], limits: Limits) -> float:
    if limits.gap_s is not None:
        return limits.gap_s
    gaps = sorted(gap_s for sample in samples for gap_s in sample.gaps_s)
    return STALLS * gaps[int(0.95 * len(gaps))] if gaps else math.inf


def _chosen(samples: Sequence[Sample], stall_s: float) -> list[Sample]:
    ordered = sorted(samples, key=lambda sample: sample.intended_s)
    if len(ordered) <= LANES:
        return ordered
    notable = [s for s in ordered if s.miss or s.largest_gap_s > stall_s][: LANES // 2]
    rest = [sample for sample in ordered if sample not in notable]
    every = math.ceil(len(rest) / (LANES - len(notable)))
    return sorted([*notable, *rest[::every]], key=lambda sample: sample.intended_s)


def _lane(
    sample: Sample, across: Scale, begin: float, y: float, high: float, stall_s: float
) -> Iterator[str]:
    at_s = sample.intended_s - begin
    x, end = across(at_s), across(at_s + sample.ended_s)
    if sample.miss or sample.first_token_s is None:
        yield bar("bad", x, y, max(end - x, 5), high, f"{at_s:.2f} s: {sample.miss}")
        return
    first = across(at_s + sample.first_token_s)
    yield bar("wait", x, y, first - x, high, f"{at_s:.2f} s: TTFT {sample.first_token_s * 1000:.0f} ms")
    yield bar("main", first, y, end - first, high)
    moments = accumulate(sample.gaps_s, initial=at_s + sample.first_token_s)
    for moment, gap_s in zip(moments, sample.gaps_s, strict=False):
        if gap_s > stall_s:
            width = across(moment + gap_s) - across(moment)
            yield bar("warn", across(moment), y, width, high, f"no token for {gap_s * 1000:.0f} ms")


def draw_sweep(sweep: Sweep) -> str:
    """Draw what more callers got: answers in all, and how long each took."""
    top, bottom = 110.0, 430.0
    levels = sweep.levels
    across = Scale(1, max(2, levels[-1].callers), LEFT, WIDTH - LEFT - RIGHT, log=True)
    rates = Scale(0, max(level.tokens_per_s for level in levels) * 1.1, bottom, top)
    waits_ms = [(level.callers, (level.total_s or 0) * 1000) for level in levels if level.total_s is not None]
    waits = Scale(0, max(wait for _, wait in waits_ms) * 1.1, bottom, top)
    knee = levels[sweep.knee]
    parts = (
        *y_axis(rates, LEFT, across.end, "tokens/s"),
        *y_axis(waits, LEFT, across.end, "ms", at_right=True),
        *_callers_axis(sweep, across, bottom),
        path("curve", [(across(level.callers), rates(level.tokens_per_s)) for level in levels]),
        path("second", [(across(callers), waits(wait)) for callers, wait in waits_ms]),
        *(dot("main", across(level.callers), rates(level.tokens_per_s), 4) for level in levels),
        *(dot("warn", across(callers), waits(wait), 4) for callers, wait in waits_ms),
        line("knee", across(knee.callers), top, across(knee.callers), bottom),
        line("knee", across(sweep.callers), top, across(sweep.callers), bottom),
        text(across(knee.callers) + 5, top - 4, f"knee: {knee.callers}", "mark"),
        text(across(sweep.callers) - 5, bottom - 8, f"measured at {sweep.callers}", "mark", "end"),
        line("curve", 16, 72, 40, 72), text(46, 76, "output tokens a second, all callers together"),
        line("second", 330, 72, 354, 72), text(360, 76, "time of a whole answer, median"),
    )  # fmt: skip
    found = "" if sweep.found else "; throughput was still growing where the sweep ended"
    subtitle = f"closed loop, {sum(level.samples for level in levels)} answers on {len(levels)} levels{found}"
    return page(bottom + 48, "What more callers get", subtitle, parts)


def _callers_axis(sweep: Sweep, across: Scale, bottom: float) -> Iterator[str]:
    yield line("axis", across.start, bottom, across.end, bottom)
    for level in sweep.levels:
        yield text(across(level.callers), bottom + 16, str(level.callers), "dim", "middle")
    yield text(across.end, bottom + 34, "callers", "dim", "end")
