"""How the migrations of a project stand to those that a deployed database recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from pglast.parser import ParseError, scan

from shipworthy.probes.postgres.drift import changed_lines
from shipworthy.probes.postgres.project import Migration
from shipworthy.probes.postgres.statements import split_statements

Connection = psycopg.Connection[Any]

COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration as the database recorded it."""

    version: str
    name: str
    statements: tuple[str, ...]
    """Empty where the tool that applied it recorded none."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A migration whose file says something else than what was applied."""

    migration: Migration
    difference: str
    """The lines that differ: ``-`` applied, ``+`` in the file."""


@dataclass(frozen=True, slots=True)
class History:
    """The differences between the files of a project and the records of a database."""

    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]
    """In the project, not applied."""
    late: frozenset[str]
    """Versions of pending migrations that are older than the newest applied one."""
    unknown: tuple[Applied, ...]
    """Applied, not in the project."""
    edited: tuple[Edited, ...]
    unrecorded: tuple[str, ...]
    """Versions that were recorded without their statements: whether they were edited cannot be told."""


@dataclass(frozen=True, slots=True)
class Order:
    """The versions of a database as its table holds them, which is the order in which they were recorded.

    Only nearly so: a repaired record moves to the end, and after a vacuum a gap may be filled. Enough
    for a remark, not for a finding.
    """

    recorded: tuple[str, ...]

    @property
    def overtaken(self) -> tuple[str, ...]:
        """Name the versions that were recorded after a newer one."""
        newest, found = "", []
        for version in self.recorded:
            if version < newest:
                found.append(version)
            newest = max(newest, version)
        return tuple(found)


def read_order(connection: Connection) -> Order:
    """Read in which order the migrations of a database were recorded; empty where nothing recorded any."""
    table = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
    if not table or not table[0]:
        return Order(())
    rows = connection.execute(
        "select version from supabase_migrations.schema_migrations order by ctid"
    ).fetchall()
    return Order(tuple(row[0] for row in rows))


def compare_history(migrations: Sequence[Migration], applied: Sequence[Applied]) -> History:
    """Compare the files of a project with the records of a database."""
    recorded = {entry.version: entry for entry in applied}
    present = {migration.version for migration in migrations}
    pending = tuple(migration for migration in migrations if migration.version not in recorded)
    newest = max(recorded, default="")
    both = [(m, recorded[m.version]) for m in migrations if m.version in recorded]
    return History(
        applied=tuple(applied),
        pending=pending,
        late=frozenset(migration.version for migration in pending if migration.version < newest),
        unknown=tuple(entry for entry in applied if entry.version not in present),
        edited=tuple(_edits((m, entry) for m, entry in both if entry.statements)),
        unrecorded=tuple(m.version for m, entry in both if not entry.statements),
    )


def _edits(pairs: Iterable[tuple[Migration, Applied]]) -> Iterable[Edited]:
    for migration, entry in pairs:
        in_file = [statement.sql for statement in split_statements(migration.sql)]
        if _words(entry.statements) != _words(in_file):
            yield Edited(migration, changed_lines("\n".join(entry.statements), "\n".join(in_file)))


def _words(statements: Iterable[str]) -> list[str]:
    """Reduce statements to what the server reads: no comments, no layout, however they were split."""
    text = ";\n".join(statement.strip().rstrip(";") for statement in statements)
    try:
        tokens = scan(text)
    except ParseError:
        return text.split()
    words = (text[token.start : token.end + 1] for token in tokens if token.name not in COMMENTS)
    return [word for word in words if word != ";"]
