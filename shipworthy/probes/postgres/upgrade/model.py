"""The nouns of the upgrade rehearsal: what each statement did to the tables that were there before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

STRENGTH = {
    "AccessShareLock": 1,
    "RowShareLock": 2,
    "RowExclusiveLock": 3,
    "ShareUpdateExclusiveLock": 4,
    "ShareLock": 5,
    "ShareRowExclusiveLock": 6,
    "ExclusiveLock": 7,
    "AccessExclusiveLock": 8,
}
"""Lock modes from the weakest to the strongest (PostgreSQL documentation, 13.3.1)."""

BLOCKS_WRITES = 5
"""The strength from which a lock makes writers wait."""
BLOCKS_READS = 8
"""The strength from which a lock makes readers wait, too."""


@dataclass(frozen=True, slots=True)
class Place:
    """A statement in a file of the project."""

    version: str
    file: str
    line: int
    sql: str

    @property
    def subject(self) -> str:
        """Name the place: ``migrations/20260601090000_notes.sql:3``."""
        return f"migrations/{self.file}:{self.line}"

    @property
    def head(self) -> str:
        """Give the statement on one line, its first 120 characters."""
        words = " ".join(self.sql.split())
        return words if len(words) <= 120 else f"{words[:120]} …"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a table that existed before, and what it was held for."""

    table: str
    mode: str
    from_ms: float
    """When the statement that took it began, after the first statement's begin."""
    until_ms: float
    """When its transaction ended."""

    @property
    def strength(self) -> int:
        """Say how much it keeps out: 1 to 8."""
        return STRENGTH.get(self.mode, 0)

    @property
    def held_ms(self) -> float:
        """Give how long others had to wait at most."""
        return self.until_ms - self.from_ms


@dataclass(frozen=True, slots=True)
class Step:
    """One statement as it ran. Tables are those that existed before the migration."""

    place: Place
    transaction: int
    """Statements with one number ran in one transaction."""
    began_ms: float
    ended_ms: float
    locks: tuple[Lock, ...]
    """The locks that this statement added."""
    rewritten: tuple[str, ...]
    """Tables that got a new file."""
    reindexed: tuple[str, ...]
    """Tables of which an index got a new file, the table itself did not."""
    scanned: Mapping[str, int]
    """Table to rows that were read one after the other."""
    written: Mapping[str, int]
    """Table to rows that were inserted, updated or deleted."""

    @property
    def took_ms(self) -> float:
        """Give how long the statement itself ran."""
        return self.ended_ms - self.began_ms


@dataclass(frozen=True, slots=True)
class Stall:
    """A query of the canary that was seen waiting for the migration."""

    table: str
    operation: str
    """``read`` or ``write``."""
    at_ms: float
    waited_ms: float
    behind: int | None
    """Index of the step that took the lock it waited for; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A pending migration that does not apply to the filled copy."""

    place: Place
    sqlstate: str
    message: str
    detail: str
    hint: str
    about_rows: bool
    """Other rows might have let it pass: a unique value that is there twice, a null, a check, a cast."""
    live_rows: int | None = None
    """Rows (or values that are there twice) on live that break the statement, too; None: not known."""
    asked: str = ""
    """The query that counts them."""
    empty: bool = False
    """It does not apply to the empty copy either."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the copy: how many rows it was given, how many are expected where it is deployed."""

    name: str
    rows: int
    expected: int | None
    """From the target, or from the statistics of live; None where neither says."""


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column whose values are not those of before, although no statement was about changing them."""

    table: str
    column: str
    kind: str
    """``replaced`` (dropped and added again), ``changed`` or ``emptied``."""
    saw: str


@dataclass(frozen=True, slots=True)
class Survival:
    """What became of the rows."""

    tables: int
    columns: int
    rows: int
    """How many of each were compared."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """Table to rows that are gone without a statement that deletes from it."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Table that is gone to the rows that it had."""
    changes: tuple[ColumnChange, ...] = ()
    named: tuple[str, ...] = ()
    """What a statement says that it does: columns dropped, types changed, rows deleted or updated."""


@dataclass(frozen=True, slots=True)
class HalfWay:
    """What a failure left behind."""

    version: str
    file: str
    how: str
    """``failed at its end`` or ``its connection was killed``."""
    atomic: bool
    """All of the file runs in one transaction."""
    statements: int
    facts: int
    """Facts of the catalogue that were compared."""
    remains: tuple[str, ...]
    """Facts of the catalogue that are not those of before."""
    recorded: bool
    """The history has the version although it failed."""


@dataclass(frozen=True, slots=True)
class WayBack:
    """What a down migration undoes."""

    version: str
    file: str
    down: str
    facts: int
    refusal: str = ""
    """Which of the three steps was refused, and how."""
    left: tuple[str, ...] = ()
    """Facts that differ between before the migration and after its way back."""
    again: tuple[str, ...] = ()
    """Facts that differ between the first and the second way up."""
    survival: Survival | None = None


@dataclass(frozen=True)
class Rehearsal:
    """Everything that the rehearsal of an upgrade showed."""

    source: str
    """What the copy was made from."""
    pending: tuple[str, ...]
    """Files that were rehearsed, in order."""
    moot: bool
    """Nothing is pending on live: the newest migration was rehearsed again, on what was there before it."""
    live: bool
    """There is a deployed database, so that pending is what it lacks, and its rows could be asked."""
    complete: bool
    """Every statement ran in the end, so that what is said below is about all of them."""
    tables: tuple[Table, ...]
    unfilled: Mapping[str, str]
    """Table to the reason why it has no rows."""
    steps: tuple[Step, ...]
    ends_ms: Mapping[int, float]
    """Transaction to when it ended."""
    stalls: tuple[Stall, ...]
    queries: int
    """Queries that the canary sent."""
    refusals: tuple[Refusal, ...]
    survival: Survival
    halfway: tuple[HalfWay, ...]
    back: tuple[WayBack, ...]
    without_way_back: tuple[str, ...]
    """Files of rehearsed migrations that have no down migration."""
    notes: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Table]:
        """The tables by their names."""
        return {table.name: table for table in self.tables}
