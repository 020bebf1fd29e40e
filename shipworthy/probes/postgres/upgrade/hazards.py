"""Which statements would keep the deployed system waiting, read off what they did to the copy.

Structure counts, not the clock: a table that gets a new file, a scan under a lock, a lock that stays over
later work. A measured time counts only where it is beyond the limit on the small copy already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pglast import ast

from shipworthy.probes.postgres.upgrade.model import (
    BLOCKS_READS,
    BLOCKS_WRITES,
    Lock,
    Place,
    Rehearsal,
    Step,
)
from shipworthy.probes.postgres.upgrade.remedies import ALONE, BATCHES, remedy_of
from shipworthy.probes.postgres.upgrade.trees import node_of

MOST_OF = 0.9
"""The share of a table's rows that a scan reads; a single look at an index reads far fewer."""
MANY_OF = 0.5
"""The share of a table's rows from which an update is one of the whole table."""


ENOUGH = 10_000
"""Rows from which a time can be carried over to a larger table."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """A statement that makes others wait, or a lock that it leaves behind."""

    place: Place
    table: str
    saw: str
    want: str
    remedy: str


@dataclass(frozen=True)
class _Judge:
    rehearsal: Rehearsal
    large_rows: int
    max_lock_ms: float

    def hazards(self) -> Iterator[Hazard]:
        seen: set[tuple[str, str]] = set()
        for number, step in enumerate(self.rehearsal.steps):
            for hazard in (*self._of(number, step), *self._too_long(step)):
                key = hazard.place.subject, hazard.table
                if key not in seen:
                    seen.add(key)
                    yield hazard

    def _of(self, number: int, step: Step) -> Iterator[Hazard]:
        emptied = isinstance(node_of(step.place.sql), ast.TruncateStmt)
        for table in () if emptied else filter(self._large, step.rewritten):
            yield self._hazard(step, table, "it writes the whole table anew")
        for table in filter(self._large, step.scanned):
            lock = self._lock(step, table)
            if lock and self._all_of(table, step.scanned[table]):
                yield self._hazard(step, table, "it reads the whole table under the lock")
        for table in filter(self._large, step.written):
            if step.written[table] >= MANY_OF * self._rows(table) > 0 and not self._fills(step):
                yield self._updates(step, table)
        yield from self._held_over(number, step)

    def _held_over(self, number: int, step: Step) -> Iterator[Hazard]:
        """Find locks of this step under which a later statement works through a large table."""
        for lock in self._blocking(step):
            for later in self.rehearsal.steps[number + 1 :]:
                worked = self._works_through(later) if later.transaction == step.transaction else None
                if worked and self._large(lock.table):
                    saw = f"it takes {_name(lock)} on {lock.table}, and holds it while {later.place.subject}"
                    yield Hazard(
                        step.place,
                        lock.table,
                        saw=f"{saw} works through {worked}: {self._figures(lock, worked)}",
                        want="a lock that ends with its own short statement",
                        remedy=ALONE.format(later=later.place.subject, table=lock.table),
                    )
                    break

    def _too_long(self, step: Step) -> Iterator[Hazard]:
        for lock in self._blocking(step):
            if lock.held_ms > self.max_lock_ms:
                yield self._hazard(step, lock.table, f"longer than {self.max_lock_ms:.0f} ms on a small copy")

    def _hazard(self, step: Step, table: str, why: str) -> Hazard:
        lock = self._lock(step, table)
        saw = f"`{step.place.head}`: {why}"
        if lock:
            saw += f"; {_name(lock)} on {table}, {_kept_out(lock)}"
        figures = self._figures(lock, table) if lock else f"{self._rows(table)} rows here"
        return Hazard(
            step.place,
            table,
            saw=f"{saw}: {figures}",
            want="a change that lets readers and writers go on",
            remedy=remedy_of(step.place.sql, table),
        )

    def _updates(self, step: Step, table: str) -> Hazard:
        rows, expected = step.written[table], self._expected(table)
        return Hazard(
            step.place,
            table,
            saw=f"`{step.place.head}`: it changes {rows} of {self._rows(table)} rows in one transaction, and"
            f" locks each until it ends ({step.took_ms:.0f} ms here; {expected:,} rows where it is deployed)",
            want="rows changed a few thousand at a time",
            remedy=BATCHES.format(table=table),
        )

    def _figures(self, lock: Lock, table: str) -> str:
        expected, rows = self._expected(table), self._rows(table)
        size = f", {expected:,} rows where it is deployed" if expected else ""
        # With fewer rows it is the statement itself that takes its time, and not the rows.
        if expected > rows >= ENOUGH:
            size += f": about {lock.held_ms * expected / rows / 1000:.1f} s there"
        return f"held {lock.held_ms:.0f} ms with {rows} rows here{size}"

    def _blocking(self, step: Step) -> Iterator[Lock]:
        strongest: dict[str, Lock] = {}
        for lock in sorted(step.locks, key=lambda lock: lock.strength):
            if lock.strength >= BLOCKS_WRITES:
                strongest[lock.table] = lock
        yield from strongest.values()

    def _lock(self, step: Step, table: str) -> Lock | None:
        return next((lock for lock in self._blocking(step) if lock.table == table), None)

    def _works_through(self, step: Step) -> str | None:
        """Name a large table that a statement reads or changes as a whole."""
        for table, rows in (*step.scanned.items(), *step.written.items()):
            if self._large(table) and self._all_of(table, rows):
                return table
        return None

    def _fills(self, step: Step) -> bool:
        """Tell whether a statement only adds rows, which nobody waits for."""
        return isinstance(node_of(step.place.sql), (ast.InsertStmt, ast.CopyStmt))

    def _all_of(self, table: str, rows: int) -> bool:
        return rows >= MOST_OF * self._rows(table) > 0

    def _rows(self, table: str) -> int:
        found = self.rehearsal.by_name.get(table)
        return found.rows if found else 0

    def _expected(self, table: str) -> int:
        found = self.rehearsal.by_name.get(table)
        return found.expected or 0 if found else 0

    def _large(self, table: str) -> bool:
        return self._expected(table) >= self.large_rows


def find_hazards(rehearsal: Rehearsal, *, large_rows: int, max_lock_ms: float) -> tuple[Hazard, ...]:
    """Find the statements that would keep readers or writers of a deployed table waiting.

    Args:
        rehearsal: what the statements did.
        large_rows: a table with so many rows where it is deployed is not worked through under a lock.
        max_lock_ms: no lock that keeps others out is held longer, whatever the size of the table.

    """
    return tuple(_Judge(rehearsal, large_rows, max_lock_ms).hazards())


def _name(lock: Lock) -> str:
    """Write a lock mode as SQL does: ``ACCESS EXCLUSIVE``."""
    words = "".join(f" {c}" if c.isupper() else c for c in lock.mode.removesuffix("Lock"))
    return words.strip().upper()


def _kept_out(lock: Lock) -> str:
    return (
        "which keeps readers and writers out" if lock.strength >= BLOCKS_READS else "which keeps writers out"
    )
