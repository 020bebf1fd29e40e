"""How a worker gets a migrated database of its own: the ways compared."""

from __future__ import annotations

from collections.abc import Iterator

from bench.timing import Figure


def measure(samples: int) -> Iterator[Figure]:
    """Not yet."""
    yield from ()


def missing() -> tuple[str, ...]:
    """Say what could not be measured on this machine, and why."""
    return ()
