"""Marks that a check carries: where it applies, that it writes, what it must be alone with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

C = TypeVar("C", bound=Callable[..., object])


def needs(*parts: str) -> Callable[[C], C]:
    """Apply the check only where the target declares every one of these parts.

    A part is a dotted path into the target file (``"inference.instant"``). Where a part is
    not declared, the check is not applicable and does not enter the plan.
    """

    def mark(check: C) -> C:
        marked: C = pytest.mark.needs(*parts)(check)
        return marked

    return mark


def mutates(check: C) -> C:
    """Say that the check writes to the live target; it needs ``writes`` of ``synthetic`` or ``any``."""
    marked: C = pytest.mark.mutates(check)
    return marked


def alone(check: C) -> C:
    """Run the check after the rest of its stage and with no other beside it."""
    marked: C = pytest.mark.alone(check)
    return marked


def alone_with(part: str) -> Callable[[C], C]:
    """Run the check after the rest of its stage, beside none but those that are alone with another part.

    Args:
        part: what the check measures or keeps still, a dotted path into the target file.

    """

    def mark(check: C) -> C:
        marked: C = pytest.mark.alone_with(part)(check)
        return marked

    return mark
