"""Handing checks to workers in the order of the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController


class OrderedScheduling(LoadScheduling):  # type: ignore[misc]  # xdist is untyped
    """Load scheduling whose queue stays sorted when a worker dies.

    xdist puts the items that a dead worker had not begun at the end of the queue, behind later
    stages that wait for them. Sorted, no worker ever waits for an item behind its own.
    """

    def remove_node(self, node: WorkerController) -> str | None:
        """Take a dead worker's items back, in their places; give the one that it died on."""
        left = self.node2pending.pop(node)
        if not left:
            return None
        assert self.collection is not None
        died_on: str = self.collection[left.pop(0)]
        self.pending[:] = sorted([*self.pending, *left])
        for other in self.node2pending:
            self.check_schedule(other)
        return died_on
