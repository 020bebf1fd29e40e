"""What the tests of made rows share."""

from __future__ import annotations

from collections.abc import Callable

from shipworthy.probes.postgres.access.rows import Made, RowMaker, Unmakeable

MakerOf = Callable[[str], RowMaker]
"""Gives a row maker for what some SQL makes."""


def made(result: Made | Unmakeable) -> Made:
    """Insist that a row was made."""
    assert isinstance(result, Made), result
    return result
