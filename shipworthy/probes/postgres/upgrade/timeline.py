"""The lock trace of a rehearsal as a picture: one lane a table, one bar a lock, time from left to right."""

from __future__ import annotations

from collections.abc import Iterator

from shipworthy.probes.postgres.upgrade.model import BLOCKS_READS, BLOCKS_WRITES, Lock, Rehearsal, Stall
from shipworthy.probes.svg import WIDTH, Scale, bar, legend, line, page, text, wedge, x_axis

LEFT, RIGHT, TOP = 250, 30, 124
LANE = 30
MOST_LANES = 40
LEGEND = (
    ("bad", "ACCESS EXCLUSIVE: nobody reads or writes"),
    ("warn", "SHARE to EXCLUSIVE: nobody writes"),
    ("main", "weaker: nobody waits"),
    ("mark", "a query waited"),
)


def draw_locks(rehearsal: Rehearsal) -> str:
    """Give the picture as SVG, for light and dark pages."""
    tables = _tables(rehearsal)
    end = max([*rehearsal.ends_ms.values(), *(step.ended_ms for step in rehearsal.steps), 1.0])
    across = Scale(0, end, LEFT, WIDTH - RIGHT)
    bottom = TOP + max(len(tables), 1) * LANE
    listed = list(_listed(rehearsal, bottom + 58))
    parts = (
        *legend(LEGEND),
        *x_axis(across, TOP, bottom, "ms"),
        *_statements(rehearsal, across, bottom),
        *_lanes(rehearsal, tables, across),
        *listed,
    )
    files = ", ".join(rehearsal.pending)
    title = files if len(files) <= 110 else f"{len(rehearsal.pending)} migrations, {files[:90]} …"
    subtitle = "A bar is a lock while it was held; the numbers are the statements, listed below."
    height = bottom + 66 + 18 * len(listed)
    return page(height, f"Locks on existing tables: {title}", subtitle, parts)


def _tables(rehearsal: Rehearsal) -> list[str]:
    """Choose the lanes: tables that were locked or waited for, the most strongly locked first."""
    strength: dict[str, int] = {stall.table: BLOCKS_WRITES for stall in rehearsal.stalls}
    for lock in _locks(rehearsal):
        strength[lock.table] = max(strength.get(lock.table, 0), lock.strength)
    return sorted(strength, key=lambda table: (-strength[table], table))[:MOST_LANES]


def _locks(rehearsal: Rehearsal) -> Iterator[Lock]:
    return (lock for step in rehearsal.steps for lock in step.locks)


def _statements(rehearsal: Rehearsal, across: Scale, bottom: int) -> Iterator[str]:
    """Mark where each statement began, with its number, where there is room for it."""
    last = -100.0
    for number, step in enumerate(rehearsal.steps, 1):
        x = across(step.began_ms)
        yield line("tick", x, TOP - 8, x, bottom)
        if x - last >= 18:
            yield text(x, TOP - 12, str(number), "dim", "middle")
            last = x


def _lanes(rehearsal: Rehearsal, tables: list[str], across: Scale) -> Iterator[str]:
    if not tables:
        yield text(LEFT, TOP + 20, "no lock on a table that was there before", "dim")
    for lane, table in enumerate(tables):
        y = TOP + lane * LANE
        yield line("grid", 16, y + LANE, WIDTH - RIGHT, y + LANE)
        yield text(16, y + 20, table if len(table) <= 34 else f"…{table[-33:]}", told=table)
        locks = sorted((lock for lock in _locks(rehearsal) if lock.table == table), key=lambda k: k.strength)
        for lock in locks:
            yield _bar(lock, y, across)
        for stall in rehearsal.stalls:
            if stall.table == table:
                yield from _mark(stall, y, across)


def _bar(lock: Lock, y: int, across: Scale) -> str:
    kind = "bad" if lock.strength >= BLOCKS_READS else "warn" if lock.strength >= BLOCKS_WRITES else "main"
    height = 6 + 2 * lock.strength  # told by more than the colour
    x, end = across(lock.from_ms), across(lock.from_ms + lock.held_ms)
    told = f"{lock.mode} on {lock.table}: {lock.held_ms:.0f} ms"
    return bar(kind, x, y + (LANE - height) / 2, max(end - x, 2.0), height, told)


def _mark(stall: Stall, y: int, across: Scale) -> Iterator[str]:
    begun_ms = max(stall.at_ms, 0.0)
    x, end, bottom = across(begun_ms), across(begun_ms + stall.waited_ms), y + LANE - 2
    told = f"a {stall.operation} of {stall.table} waited {stall.waited_ms:.0f} ms"
    yield wedge("mark", x, bottom, told)
    yield bar("mark", x, bottom - 3, end - x, 3, told)


def _listed(rehearsal: Rehearsal, y: int) -> Iterator[str]:
    for number, step in enumerate(rehearsal.steps[:MOST_LANES], 1):
        words = f"{number}  {step.place.file}:{step.place.line}  {step.place.head}"
        yield text(16, y + 18 * (number - 1), words if len(words) <= 170 else f"{words[:170]} …")
    if (more := len(rehearsal.steps) - MOST_LANES) > 0:
        yield text(16, y + 18 * MOST_LANES, f"… and {more} more statements", "dim")
