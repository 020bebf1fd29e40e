"""The columns that say how much a user may do, and how a user tries to become more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shipworthy.probes.postgres.access.model import SELF, A, Row
from shipworthy.probes.postgres.access.runner import Attempt
from shipworthy.probes.postgres.access.schema import Column
from shipworthy.probes.postgres.access.trial import Scene, Trial
from shipworthy.probes.postgres.access.writing import having, inserts, keys_of, updates
from shipworthy.probes.postgres.personas import Persona

NAMED = re.compile(
    r"(^|_)(roles?|rank|admin|superuser|superadmin|staff|moderator|permissions?|privileges?)($|_(level|type|name|id)$)"
    r"|^access_level$|^is_owner$"
)
HIGHEST = ("superadmin", "super_admin", "owner", "admin", "administrator", "root", "manager", "editor")
WORD = re.compile(r"'([a-z_ -]+)'", re.IGNORECASE)
NUMBERS = frozenset({"int2", "int4", "int8", "numeric"})
RANKED = NUMBERS | {"bool", "text", "varchar", "citext"}


@dataclass(frozen=True, slots=True)
class _Rank:
    """A column and the most that it can say."""

    column: str
    highest: str


def raises(scene: Scene, persona: Persona) -> Iterator[Trial]:
    """Change the own rank, and add a row that gives a higher one, in every table that ties ranks to users."""
    people = scene.worlds.people
    if not persona.user or persona in {people.admin, people.service} or not _tells_ranks(scene):
        return
    own = [row for row in scene.subject.rows if row.person == str(persona.user)]
    for row in own[:1]:
        for rank in _ranks(scene, row):
            yield from _raised(scene, persona, row, rank)
            if scene.table.name in scene.worlds.memberships:
                yield from _added(scene, persona, row, rank)


def _tells_ranks(scene: Scene) -> bool:
    """Tell whether there is one row for a user, or for a user in a tenant."""
    if scene.subject.kind != "table":
        return False
    person = set(scene.ties(scene.example).person)
    return scene.table.name in scene.worlds.memberships or any(
        person & set(key.columns) for key in scene.table.keys
    )


def _ranks(scene: Scene, row: Row) -> Iterator[_Rank]:
    compared = {variant.column for other in scene.subject.rows for variant in other.variants}
    member = scene.table.name in scene.worlds.memberships
    for column in scene.table.columns:
        typed = column.type.base in RANKED or column.type.labels
        if typed and (NAMED.search(column.name.strip('"')) or (member and column.name in compared)):
            highest = _highest(scene, column)
            if highest is not None and highest != row.values.get(column.name):
                yield _Rank(column.name, highest)


def _highest(scene: Scene, column: Column) -> str | None:
    """Give the most that a column can say: what an admin has, the word for the most power, true."""
    if column.type.base == "bool":
        return "true"
    admin = str(scene.worlds.people.admin.user)
    theirs = [
        row.values.get(column.name) for row in scene.subject.rows if row.person == admin and row.world == A
    ]
    words = list(column.type.labels)
    for check in scene.table.checks:
        words += WORD.findall(check.expression) if column.name in check.columns else []
    known = [word for name in HIGHEST for word in words if word.lower() == name]
    if theirs and scene.table.name in scene.worlds.memberships:
        return theirs[0]
    if known or words:
        return known[0] if known else None
    return "32000" if column.type.base in NUMBERS else "admin"


def _raised(scene: Scene, persona: Persona, row: Row, rank: _Rank) -> Iterator[Trial]:
    granted = scene.granted(persona, "update")
    higher = {rank.column: rank.highest}
    # By its key: where signing up makes a tenant of one's own, one has that rank in another row anyway.
    look = keys_of(scene.table.name, having(scene.table, {**scene.key_of(row), **higher}))
    wheres = ("", having(scene.table, scene.key_of(row))) if rank.column in granted else ("",)
    for where in wheres:
        statement = updates(scene.table, higher, where)
        case = f"{rank.column} = '{rank.highest}'"
        yield Trial(persona, "raise", case, Attempt(persona, statement, look=look), lands=SELF)


def _added(scene: Scene, persona: Persona, row: Row, rank: _Rank) -> Iterator[Trial]:
    granted = scene.granted(persona, "insert")
    columns = {column.name for column in scene.table.columns if not column.generated} & granted
    values = {
        name: text for name, text in {**row.values, rank.column: rank.highest}.items() if name in columns
    }
    case = f"a new row with {rank.column} = '{rank.highest}'"
    if values:
        yield Trial(persona, "raise", case, Attempt(persona, inserts(scene.table, values)), lands=SELF)
