"""In which order tables get their rows: parents before children, and what to do about circles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shipworthy.probes.postgres.access.schema import Reference, Schema, Table


@dataclass(frozen=True, slots=True)
class Order:
    """The tables, each after what it refers to, as far as that goes."""

    tables: tuple[str, ...]
    hard: tuple[tuple[str, Reference], ...]
    """Foreign keys in a circle that cannot be empty at first: table and key."""


def order_tables(schema: Schema, names: Iterable[str], also: Mapping[str, frozenset[str]]) -> Order:
    """Put tables in order.

    Args:
        schema: that has them.
        names: the tables.
        also: table to further tables that must come before it where that is possible.

    """
    wanted = dict.fromkeys(names)
    needs, wishes = _edges(schema, wanted, also)
    done: dict[str, None] = {}
    hard: list[tuple[str, Reference]] = []
    while len(done) < len(wanted):
        left = [name for name in wanted if name not in done]
        ready = [n for n in left if not (needs[n] | wishes[n]) - set(done)]
        ready = ready or _least([n for n in left if not needs[n] - set(done)], wishes, done)
        if not ready:
            # Everything left waits for something that waits for it.
            ready = _least(_in_circle(left, needs), needs, done)
            hard += [
                (n, r) for n in ready for r in schema.tables[n].references if _is_open(n, r, done, wanted)
            ]
        done.update(dict.fromkeys(ready))
    return Order(tuple(done), tuple(hard))


def is_required(table: Table, reference: Reference) -> bool:
    """Tell whether a foreign key cannot be empty."""
    return all(table.by_name[column].not_null for column in reference.columns)


def _edges(
    schema: Schema, wanted: Mapping[str, None], also: Mapping[str, frozenset[str]]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    needs: dict[str, set[str]] = defaultdict(set)
    wishes: dict[str, set[str]] = defaultdict(set)
    for name in wanted:
        for reference in schema.tables[name].references:
            if reference.target in wanted and reference.target != name:
                (needs if is_required(schema.tables[name], reference) else wishes)[name].add(reference.target)
        wishes[name] |= {other for other in also.get(name, ()) if other in wanted and other != name}
    return needs, wishes


def _least(names: list[str], edges: Mapping[str, set[str]], done: Mapping[str, None]) -> list[str]:
    """Take the one with the fewest parents missing."""
    return sorted(names, key=lambda name: (len(edges[name] - set(done)), name))[:1]


def _in_circle(left: list[str], needs: Mapping[str, set[str]]) -> list[str]:
    """Drop those that only wait for a circle without being in it."""
    inside = set(left)
    while True:
        needed = {target for name in inside for target in needs[name]} & inside
        if needed == inside:
            return sorted(inside)
        inside = needed


def _is_open(name: str, reference: Reference, done: Mapping[str, None], wanted: Mapping[str, None]) -> bool:
    return reference.target in wanted and reference.target not in done and reference.target != name
