"""A backup of a deployed database, restored next to it and compared with the original."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from shipworthy.probes.postgres.backup import RestoreFailure, dump_database, list_dump, restore_dump
from shipworthy.probes.postgres.catalogue import PLATFORM_ROLES, PLATFORM_SCHEMAS, read_catalogue
from shipworthy.probes.postgres.contents import Contents, data_tables, read_contents
from shipworthy.probes.postgres.drift import Difference, compare
from shipworthy.probes.postgres.session import read_only_session

READ_S = 1800.0
_EXTENSION = re.compile(r"^\d+; 3079 \d+ EXTENSION - (\S+)")
_ABOUT_EXTENSION = re.compile(r"^\d+; \d+ \d+ COMMENT - EXTENSION (\S+)")
_SEQUENCES = """
select format('%%I.%%I', n.nspname, c.relname), a.attname::text, s.oid::regclass::text
from pg_catalog.pg_class s
join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = s.oid
  and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
join pg_catalog.pg_class c on c.oid = d.refobjid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
join pg_catalog.pg_sequence q on q.seqrelid = s.oid and q.seqincrement > 0
where s.relkind = 'S' and n.nspname <> all (%s) and n.nspname !~ '^pg_'
order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table in the original and in the restored database; None where it is missing."""

    table: str
    live: Contents
    restored: Contents | None


@dataclass(frozen=True, slots=True)
class Numbering:
    """A column that a sequence fills, in the restored database."""

    column: str
    sequence: str
    next: int
    largest: int | None
    """The largest number in the column; None where it is empty."""


@dataclass(frozen=True, slots=True)
class RestoreProof:
    """What a backup is worth: how long it takes, what it loses."""

    dump_s: float
    restore_s: float
    dump_bytes: int
    entries: tuple[str, ...]
    """The backup's table of contents."""
    left_out: tuple[str, ...]
    """Extensions that the scratch server does not have, so that they were not restored."""
    failures: tuple[RestoreFailure, ...]
    facts: int
    """Facts of the schema that were compared."""
    differences: tuple[Difference, ...]
    """``project`` is the original, ``live`` the restored side."""
    rows: tuple[TableRows, ...]
    numberings: tuple[Numbering, ...]


def prove_restore(live: str, empty: str, folder: Path) -> RestoreProof:
    """Back up a database, restore it elsewhere, compare.

    Dump, counts and checksums see one snapshot of the original, so that what jobs and users write
    meanwhile makes no difference.

    Args:
        live: DSN of the original; it is only read.
        empty: DSN of an empty database on a server with the platform's roles, as a superuser.
        folder: where the dump may lie; it holds everything that the database holds, so delete it.

    """
    dump = folder / "live.dump"
    with read_only_session(live, statement_s=READ_S) as original:
        row = original.execute("select pg_catalog.pg_export_snapshot()").fetchone()
        dump_s = dump_database(live, dump, snapshot=row[0] if row else "")
        want = read_catalogue(original)
        contents = read_contents(original, data_tables(original))
    entries = list_dump(dump)
    chosen, left_out = _restorable(entries, empty)
    restoration = restore_dump(dump, empty, entries=chosen)
    with read_only_session(empty, statement_s=READ_S) as copy:
        have = read_catalogue(copy)
        present = set(data_tables(copy))
        restored = read_contents(copy, [table for table in contents if table in present])
    return RestoreProof(
        dump_s=dump_s,
        restore_s=restoration.seconds,
        dump_bytes=dump.stat().st_size,
        entries=entries,
        left_out=left_out,
        failures=restoration.failures,
        facts=len(want),
        differences=compare(want, have),
        rows=tuple(TableRows(table, held, restored.get(table)) for table, held in contents.items()),
        numberings=_numberings(empty),
    )


def _restorable(entries: tuple[str, ...], dsn: str) -> tuple[list[str], tuple[str, ...]]:
    """Leave out extensions that the server lacks, and make the platform's roles that it lacks."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        present = {name for (name,) in connection.execute("select rolname from pg_catalog.pg_roles")}
        for role in sorted(set(PLATFORM_ROLES) - present):
            connection.execute(SQL("create role {} nologin").format(Identifier(role)))
        known = {
            name for (name,) in connection.execute("select name from pg_catalog.pg_available_extensions")
        }
    wanted = {match[1] for entry in entries if (match := _EXTENSION.match(entry))}
    missing = wanted - known
    chosen = []
    for entry in entries:
        about = _EXTENSION.match(entry) or _ABOUT_EXTENSION.match(entry)
        if not about or about[1] not in missing:
            chosen.append(entry)
    return chosen, tuple(sorted(missing))


def _numberings(dsn: str) -> tuple[Numbering, ...]:
    """Draw the next number from every sequence that fills a column."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set search_path = ''")
        return tuple(_draw(connection))


def _draw(connection: psycopg.Connection[Any]) -> Iterator[Numbering]:
    for table, column, sequence in connection.execute(_SEQUENCES, [list(PLATFORM_SCHEMAS)]).fetchall():
        query = SQL("select pg_catalog.nextval({}), (select max({}) from {})")
        row = connection.execute(query.format(Literal(sequence), Identifier(column), SQL(table))).fetchone()
        if row:
            yield Numbering(f"{table}.{column}", sequence, *row)
