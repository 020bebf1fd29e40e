"""Which side of what a policy compares all reached rows stand on, where that is why they were reached."""

from __future__ import annotations

from collections.abc import Iterable

from shipworthy.probes.postgres.access.belonging import Belonging
from shipworthy.probes.postgres.access.model import Row


def opened_by(belonging: Belonging, rows: Iterable[Row], reached: frozenset[str]) -> str:
    """Name the variant that the reached ones of these rows have and others of them have not.

    A variant of a row that they refer to counts too, named with its table: a page is public because
    its site is. Empty where the reached rows stand on both sides of everything.
    """
    sides = {row.key: frozenset(belonging.sides(row)) for row in rows}
    if not reached or reached >= sides.keys():
        return ""
    common = frozenset.intersection(*(sides.get(key, frozenset()) for key in reached))
    having = {side: frozenset(key for key, stands in sides.items() if side in stands) for side in common}
    telling = [side for side in having if having[side] != sides.keys()]
    # The variant that says exactly which rows are open comes first, the row's own before its parents'.
    return min(telling, key=lambda side: (len(having[side] - reached), side.count("."), side), default="")
