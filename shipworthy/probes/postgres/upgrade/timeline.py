"""The lock trace of a rehearsal as a picture: one lane a table, one bar a lock, time from left to right."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from shipworthy.probes.postgres.upgrade.model import BLOCKS_READS, BLOCKS_WRITES, Lock, Rehearsal, Stall

WIDTH = 1280
LEFT, RIGHT, TOP = 250, 30, 100
LANE = 30
MOST_LANES = 40
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000)

# The colours hold at least 3:1 against both backgrounds; strength is also in the bar's height.
STYLE = """
  svg { color-scheme: light dark; font: 12px system-ui, sans-serif; --ink: #1d2330; --dim: #5b6474;
        --line: #d9dde5; --paper: #ffffff; --read: #c62f3b; --write: #b8640a; --weak: #4a7fb5;
        --stall: #7a2fb5; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e8ebf1; --dim: #a3acbb; --line: #3a4250; --paper: #171b22; --read: #f0656f;
          --write: #e8963c; --weak: #6fa8dc; --stall: #c08bf0; }
  }
  text { fill: var(--ink); } .dim { fill: var(--dim); } .grid { stroke: var(--line); }
  .paper { fill: var(--paper); } .title { font-size: 16px; font-weight: 600; }
  .read { fill: var(--read); } .write { fill: var(--write); } .weak { fill: var(--weak); }
  .stall { fill: var(--stall); stroke: var(--paper); } .tick { stroke: var(--dim); stroke-dasharray: 2 3; }
"""


def draw_locks(rehearsal: Rehearsal) -> str:
    """Give the picture as SVG, 1,280 px wide, for light and dark pages."""
    tables = _tables(rehearsal)
    end = max([*rehearsal.ends_ms.values(), *(step.ended_ms for step in rehearsal.steps), 1.0])
    scale = (WIDTH - LEFT - RIGHT) / end
    bottom = TOP + max(len(tables), 1) * LANE
    listed = list(_listed(rehearsal, bottom + 40))
    height = bottom + 60 + 18 * len(listed)
    parts = (
        *_frame(rehearsal, height),
        *_axis(end, scale, bottom),
        *_statements(rehearsal, scale, bottom),
        *_lanes(rehearsal, tables, scale),
        *listed,
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="Locks of the pending migrations, by table and time">'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def _tables(rehearsal: Rehearsal) -> list[str]:
    """Choose the lanes: tables that were locked or waited for, the most strongly locked first."""
    strength: dict[str, int] = {stall.table: BLOCKS_WRITES for stall in rehearsal.stalls}
    for lock in _locks(rehearsal):
        strength[lock.table] = max(strength.get(lock.table, 0), lock.strength)
    return sorted(strength, key=lambda table: (-strength[table], table))[:MOST_LANES]


def _locks(rehearsal: Rehearsal) -> Iterator[Lock]:
    return (lock for step in rehearsal.steps for lock in step.locks)


def _frame(rehearsal: Rehearsal, height: int) -> Iterator[str]:
    yield f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    files = ", ".join(rehearsal.pending)
    title = files if len(files) <= 110 else f"{len(rehearsal.pending)} migrations, {files[:90]} …"
    yield f'<text class="title" x="16" y="28">Locks on existing tables: {escape(title)}</text>'
    legend = (
        ("read", "ACCESS EXCLUSIVE: nobody reads or writes"),
        ("write", "SHARE to EXCLUSIVE: nobody writes"),
        ("weak", "weaker: nobody waits"),
    )
    x = 16
    for name, text in legend:
        yield f'<rect class="{name}" x="{x}" y="45" width="14" height="12" rx="2"/>'
        yield f'<text x="{x + 20}" y="56">{text}</text>'
        x += 40 + 7 * len(text)
    yield f'<path class="stall" d="M{x} 57l7-13l7 13z"/><text x="{x + 20}" y="56">a query waited</text>'


def _axis(end: float, scale: float, bottom: int) -> Iterator[str]:
    apart = next((tick for tick in TICKS if end / tick <= 12), TICKS[-1])
    for number in range(int(end // apart) + 1):
        x = LEFT + number * apart * scale
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        place = f'x="{x:.1f}" y="{bottom + 16}" text-anchor="middle"'
        yield f'<text class="dim" {place}>{number * apart} ms</text>'


def _statements(rehearsal: Rehearsal, scale: float, bottom: int) -> Iterator[str]:
    """Mark where each statement began, with its number, where there is room for it."""
    last = -100.0
    for number, step in enumerate(rehearsal.steps, 1):
        x = LEFT + step.began_ms * scale
        yield f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom}"/>'
        if x - last >= 18:
            yield f'<text class="dim" x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{number}</text>'
            last = x


def _lanes(rehearsal: Rehearsal, tables: list[str], scale: float) -> Iterator[str]:
    if not tables:
        yield f'<text class="dim" x="{LEFT}" y="{TOP + 20}">no lock on a table that was there before</text>'
    for lane, table in enumerate(tables):
        y = TOP + lane * LANE
        yield f'<line class="grid" x1="16" x2="{WIDTH - RIGHT}" y1="{y + LANE}" y2="{y + LANE}"/>'
        yield f'<text x="16" y="{y + 20}">{escape(_short(table))}<title>{escape(table)}</title></text>'
        locks = sorted((lock for lock in _locks(rehearsal) if lock.table == table), key=lambda k: k.strength)
        for lock in locks:
            yield _bar(lock, y, scale)
        for stall in rehearsal.stalls:
            if stall.table == table:
                yield _mark(stall, y, scale)


def _bar(lock: Lock, y: int, scale: float) -> str:
    name = "read" if lock.strength >= BLOCKS_READS else "write" if lock.strength >= BLOCKS_WRITES else "weak"
    height = 6 + 2 * lock.strength
    x, width = LEFT + lock.from_ms * scale, max(lock.held_ms * scale, 2.0)
    return (
        f'<rect class="{name}" x="{x:.1f}" y="{y + (LANE - height) / 2:.1f}" width="{width:.1f}"'
        f' height="{height}" rx="2" fill-opacity="0.85">'
        f"<title>{lock.mode} on {escape(lock.table)}: {lock.held_ms:.0f} ms</title></rect>"
    )


def _mark(stall: Stall, y: int, scale: float) -> str:
    x, bottom = LEFT + max(stall.at_ms, 0.0) * scale, y + LANE - 2
    width = f"{max(stall.waited_ms * scale, 1.0):.1f}"
    return (
        f'<path class="stall" d="M{x - 7:.1f} {bottom}l7-13l7 13zM{x:.1f} {bottom}h{width}v-3h-{width}z">'
        f"<title>a {stall.operation} of {escape(stall.table)} waited {stall.waited_ms:.0f} ms</title></path>"
    )


def _listed(rehearsal: Rehearsal, y: int) -> Iterator[str]:
    for number, step in enumerate(rehearsal.steps[:MOST_LANES], 1):
        text = f"{number}  {step.place.file}:{step.place.line}  {step.place.head}"
        shown = text if len(text) <= 170 else f"{text[:170]} …"
        yield f'<text x="16" y="{y + 18 * (number - 1)}">{escape(shown)}</text>'
    if (more := len(rehearsal.steps) - MOST_LANES) > 0:
        yield f'<text class="dim" x="16" y="{y + 18 * MOST_LANES}">… and {more} more statements</text>'


def _short(table: str) -> str:
    return table if len(table) <= 34 else f"…{table[-33:]}"
