"""Two worlds in words, for the evidence: what was proven on."""

from __future__ import annotations

from collections.abc import Iterator

from shipworthy.probes.postgres.access.model import A, B, Worlds


def describe(worlds: Worlds) -> str:
    """Say who is in the worlds, which tables have how many rows, and what gave way or is missing."""
    return "\n".join(_lines(worlds)) + "\n"


def _lines(worlds: Worlds) -> Iterator[str]:
    people = worlds.people
    yield "people: " + ", ".join(person.name for person in people.everyone)
    for name, person in (("member of both worlds", people.both), ("former member", people.former)):
        if not person:
            yield f"no {name}: the schema has no membership for one"
    yield "tenants: " + (", ".join(sorted(worlds.roots)) or "none; rows belong to users")
    if worlds.memberships:
        yield "memberships: " + ", ".join(sorted(worlds.memberships))
    yield ""
    yield from _tables(worlds)
    yield from _section(
        "lifted on the clone (triggers stand again when access is tried)",
        (f"{item.table}: {item.kind} {item.name}, {item.reason}" for item in worlds.lifted),
    )
    yield from _section(
        "without rows", (f"{table}: {reason}" for table, reason in sorted(worlds.missing.items()))
    )


def _tables(worlds: Worlds) -> Iterator[str]:
    width = max(map(len, worlds.by_table), default=5)
    yield f"{'table':{width}}  world A  world B  nobody's  sides"
    for table, rows in sorted(worlds.by_table.items()):
        counts = [sum(row.world == world for row in rows) for world in (A, B, "")]
        sides = sorted({_side(variant.column, variant.value) for row in rows for variant in row.variants})
        shown = "  ".join(f"{count or '-':>{size}}" for count, size in zip(counts, (7, 7, 8), strict=True))
        yield f"{table:{width}}  {shown}  {'; '.join(sides)}".rstrip()


def _side(column: str, value: str | None) -> str:
    return f"{column} is null" if value is None else f"{column} = {value}"


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    found = list(dict.fromkeys(lines))
    if found:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in found)
