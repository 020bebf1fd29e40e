"""The barrier between stages, read from the ledger."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shipworthy.catalogue import EVERYTHING
from shipworthy.ledger import LedgerReader, Outcome
from shipworthy.plan import PlannedCheck

POLL_S = 0.01


@dataclass(slots=True)
class Barrier:
    """Says when a check may start.

    A check of stage N starts when every check of the earlier stages has its record, and is
    withheld as soon as one of those blocks. A check that must be alone also waits for those
    before it in its own stage, except for the ones that are alone with another part; the plan lists
    a stage's lone checks last.
    """

    checks: Sequence[PlannedCheck]
    items: Mapping[str, int]
    """Check id to the number of its collected variants; one that was not collected has none."""
    reader: LedgerReader
    deadline_s: float
    numbers: dict[str, int] = field(init=False)
    _recorded: Counter[str] = field(default_factory=Counter)
    _blocking: list[tuple[int, str]] = field(default_factory=list)
    _worker_lost: bool = False
    _cleared: int = 0
    """How many checks at the head of the plan have all their records."""

    def __post_init__(self) -> None:
        self.numbers = {check.id: check.number for check in self.checks}

    def pass_through(self, check: PlannedCheck) -> str | None:
        """Wait for a check's turn.

        Returns:
            None where it may start; where it is withheld, what blocks it.

        Raises:
            TimeoutError: its turn did not come within the run's time.

        """
        head = next(index for index, other in enumerate(self.checks) if other.stage == check.stage)
        in_its_way = list(self._in_its_way(check, head))
        deadline = time.monotonic() + self.deadline_s
        while True:
            self._read()
            for number, what in self._blocking:
                if number < check.number:
                    return what
            # The check that a lost worker left behind may be queued behind this one.
            free = self._worker_lost or all(map(self._is_recorded, in_its_way))
            if self._cleared >= head and free:
                return None
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {self.deadline_s:.0f} s for {self.checks[self._cleared].id}")
            time.sleep(POLL_S)

    def _in_its_way(self, check: PlannedCheck, head: int) -> Iterator[PlannedCheck]:
        """Give the checks of its own stage that a lone check waits for."""
        before = self.checks[head : self.checks.index(check)] if check.alone else ()
        return (o for o in before if not o.alone or check.alone in {EVERYTHING, o.alone})

    def _read(self) -> None:
        for entry in self.reader.new_entries():
            if entry["event"] == "worker_lost":
                self._worker_lost = True
            elif entry["event"] == "check" and entry["final"]:
                self._recorded[entry["check"]] += 1
                outcome = Outcome(entry["outcome"])
                if outcome.blocks and outcome is not Outcome.WITHHELD:
                    self._blocking.append((self.numbers[entry["check"]], f"{entry['check']}: {outcome}"))
        while self._cleared < len(self.checks) and self._is_recorded(self.checks[self._cleared]):
            self._cleared += 1

    def _is_recorded(self, check: PlannedCheck) -> bool:
        return self._recorded[check.id] >= self.items.get(check.id, 0)
