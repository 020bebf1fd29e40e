"""What the tables of a database hold, as counts and checksums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.sql import SQL

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS

PLATFORM_TABLES = (
    "auth.users",
    "auth.identities",
    "storage.buckets",
    "storage.objects",
    "supabase_migrations.schema_migrations",
)
"""Tables of the platform whose rows belong to the project all the same."""

_TABLES = """
select format('%%I.%%I', n.nspname, c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't'
  and (format('%%s.%%s', n.nspname, c.relname) = any (%(tables)s)
       or n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_')
order by 1
"""

# The sum does not depend on the order of rows, so a table of any size is read once and not sorted.
_CONTENTS = """
select count(*), coalesce(sum(hashtextextended(t::text collate "C", 0)::numeric), 0)::text from only {} t
"""


@dataclass(frozen=True, slots=True)
class Contents:
    """The rows of one table: how many, and a checksum over all of them in any order."""

    rows: int
    checksum: str


def data_tables(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Name every table that holds rows of the project; partitions each, not their parents."""
    values = {"platform": list(PLATFORM_SCHEMAS), "tables": list(PLATFORM_TABLES)}
    return tuple(name for (name,) in connection.execute(_TABLES, values))


def read_contents(connection: psycopg.Connection[Any], tables: Iterable[str]) -> dict[str, Contents]:
    """Count and checksum tables; equal rows print equal only under ``session.CANONICAL_OUTPUT``."""
    return {table: _contents(connection, table) for table in tables}


def _contents(connection: psycopg.Connection[Any], table: str) -> Contents:
    row = connection.execute(SQL(_CONTENTS).format(SQL(table))).fetchone()
    return Contents(*row) if row else Contents(0, "0")
