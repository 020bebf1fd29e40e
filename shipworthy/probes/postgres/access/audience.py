"""Who may be meant: the six words of the access contract, and their openings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

WHO = ("everyone", "users", "members", "admins", "owner", "nobody")
"""Anon too; every signed-in user; members of the row's own world; its admins; the one that the row is
tied to; the service only."""
_WITHIN = {
    "everyone": frozenset(WHO),
    "users": frozenset(WHO) - {"everyone"},
    "members": frozenset({"members", "admins", "owner", "nobody"}),
    "admins": frozenset({"admins", "nobody"}),
    "owner": frozenset({"owner", "nobody"}),
    "nobody": frozenset({"nobody"}),
}
"""Audience to those that it takes in."""
_TRUTH = {"t": "true", "f": "false"}


@dataclass(frozen=True, slots=True)
class Audience:
    """Those who reach rows: all rows, or those of one opening only."""

    who: str
    when: str = ""
    """``column = 'value'`` or ``column is null``; empty where every row is meant."""

    def __str__(self) -> str:
        return f"{self.who} when {self.when}" if self.when else self.who

    def covers(self, other: Audience) -> bool:
        """Tell whether whoever is in the other audience is in this one, for the same rows."""
        return other.who in _WITHIN[self.who] and self.when in {"", other.when}

    @property
    def order(self) -> tuple[int, str]:
        """The widest first, for lists that always look the same."""
        return WHO.index(self.who), self.when


NOBODY = Audience("nobody")


def read_audience(text: str) -> Audience | None:
    """Read ``users`` or ``everyone when status = 'published'``; None where it is neither."""
    who, _, rest = " ".join(text.split()).partition(" ")
    if who not in WHO:
        return None
    if not rest:
        return Audience(who)
    match = re.fullmatch(r"when (\S.* is null|\S.* = \S.*)", rest)
    return Audience(who, opening(match[1])) if match and who != "nobody" else None


def opening(text: str) -> str:
    """Give an opening in one form, whether its value was quoted or not and however its truth was spelled."""
    column, equals, value = text.partition(" = ")
    if not equals:
        return text
    bare = value[1:-1] if re.fullmatch(r"'.*'", value) else value
    return f"{column} = '{_TRUTH.get(bare, bare)}'"


def covered(audience: Audience, by: Iterable[Audience]) -> bool:
    """Tell whether any of these takes the audience in."""
    return any(one.covers(audience) for one in by)


def widest(audiences: Iterable[Audience]) -> frozenset[Audience]:
    """Leave out who is in a wider audience of the same list."""
    found = set(audiences) - {NOBODY}
    return frozenset(one for one in found if not covered(one, found - {one}))


def words(audiences: Iterable[Audience]) -> str:
    """Name audiences for a reader: ``owner, everyone when is_public = 'true'``; ``nobody`` where none."""
    return ", ".join(map(str, sorted(audiences, key=lambda one: one.order))) or str(NOBODY)
