"""Handing checks to workers in the order of the gate."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScheduling

from shipworthy.catalogue import EVERYTHING, check_id
from shipworthy.plan import Plan

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

Block = tuple[str, str]
"""A stage and the part of the target that its checks of one kind are alone with."""


class OrderedScheduling(LoadScheduling):  # type: ignore[misc]  # xdist is untyped
    """Load scheduling in the order of the plan, also when a worker dies.

    xdist puts the items that a dead worker had not begun at the end of the queue, behind later
    stages that wait for them. Sorted, no worker ever waits for an item behind its own.

    Checks that are alone with one part go to one worker, as long as there are some for the other
    workers: they would only wait for one another there. Those of one part are still handed out in their
    order, so that no two workers can wait for each other.
    """

    def __init__(self, config: pytest.Config, log: Any, plan: Plan) -> None:
        super().__init__(config, log)
        self._alone = {check.id: (check.stage, check.alone) for check in plan.checks}
        self._owners: dict[Block, WorkerController] = {}

    def remove_node(self, node: WorkerController) -> str | None:
        """Take a dead worker's items back, in their places; give the one that it died on."""
        left = self.node2pending.pop(node)
        self._owners = {block: owner for block, owner in self._owners.items() if owner is not node}
        if not left:
            return None
        assert self.collection is not None
        died_on: str = self.collection[left.pop(0)]
        self.pending[:] = sorted([*self.pending, *left])
        for other in self.node2pending:
            self.check_schedule(other)
        return died_on

    def _send_tests(self, node: WorkerController, num: int) -> None:
        tests = [self._next_for(node) for _ in range(min(num, len(self.pending)))]
        if tests:
            self.node2pending[node].extend(tests)
            node.send_runtest_some(tests)

    def _next_for(self, node: WorkerController) -> int:
        item = min(self._choice(), key=lambda item: self._preference(node, self._block(item)))
        block = self._block(item)
        if _is_of_a_part(block):
            self._owners.setdefault(block, node)
        self.pending.remove(item)
        return item

    def _choice(self) -> list[int]:
        """Give what may come next: the first of the queue; of lone checks there, the first of each part."""
        firsts: dict[Block, int] = {}
        stage, _ = self._block(self.pending[0])
        for item in self.pending:
            block = self._block(item)
            if block[0] != stage or not _is_of_a_part(block):
                break
            firsts.setdefault(block, item)
        return list(firsts.values()) or self.pending[:1]

    def _preference(self, node: WorkerController, block: Block) -> int:
        owner = self._owners.get(block)
        return 0 if owner is node else 1 if owner is None else 2

    def _block(self, item: int) -> Block:
        assert self.collection is not None
        path, _, function = self.collection[item].partition("::")
        return self._alone.get(check_id(PurePath(path), function.partition("[")[0]) or "", ("", ""))


def _is_of_a_part(block: Block) -> bool:
    return block[1] not in {"", EVERYTHING}
