"""What a transaction does to the tables that were there before it: locks, files, rows read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS, SHARED_TABLES

Connection = psycopg.Connection[Any]

WATCHED_PLATFORM = ("auth.users", *SHARED_TABLES)
"""Tables of the platform that the traffic of every project goes through."""

# A partition counts as the table that it is part of, an index as the table that it belongs to.
_RELATIONS = """
with watched as (
  select c.oid, c.relkind, coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid) as root
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
    and (format('%%s.%%s', n.nspname, c.relname) = any (%(shared)s)
         or n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_')
), named as (
  select w.oid, w.relkind, format('%%I.%%I', n.nspname, r.relname) as name
  from watched w join pg_catalog.pg_class r on r.oid = w.root
  join pg_catalog.pg_namespace n on n.oid = r.relnamespace
)
select oid::bigint, name, relkind::text from named
union all
select i.indexrelid::bigint, named.name, 'i' from named join pg_catalog.pg_index i on i.indrelid = named.oid
"""
_STATE = """
select c.oid::bigint, pg_catalog.pg_relation_filenode(c.oid)::bigint,
  case c.relkind when 'i' then 0 else pg_catalog.pg_stat_get_xact_tuples_returned(c.oid) end,
  pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)
    + pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid)
from pg_catalog.pg_class c where c.oid = any (%s)
"""
_LOCKS = """
select l.relation::bigint, l.mode from pg_catalog.pg_locks l
where l.pid = %s and l.granted and l.locktype = 'relation' and l.relation = any (%s)
  and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
"""


@dataclass(frozen=True, slots=True)
class State:
    """The watched relations at one moment of the migrating transaction, by table."""

    files: Mapping[int, int | None]
    read: Mapping[int, int]
    written: Mapping[int, int]
    locks: frozenset[tuple[str, str]]
    """Table and mode of the locks that are held."""


@dataclass(frozen=True, slots=True)
class Change:
    """What lies between two states."""

    locks: frozenset[tuple[str, str]]
    rewritten: tuple[str, ...]
    reindexed: tuple[str, ...]
    scanned: Mapping[str, int]
    written: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Watched:
    """The tables that existed before the migration, with their partitions and indexes."""

    names: Mapping[int, str]
    """Relation's oid to the name of its table."""
    indexes: frozenset[int]

    @property
    def tables(self) -> tuple[str, ...]:
        """Name the tables, each once."""
        return tuple(sorted(set(self.names.values())))

    def locks(self, connection: Connection, pid: int) -> frozenset[tuple[str, str]]:
        """Give table and mode of each lock that a backend holds on them."""
        rows = connection.execute(_LOCKS, (pid, list(self.names))).fetchall()
        return frozenset((self.names[oid], mode) for oid, mode in rows)

    def state(self, connection: Connection) -> State:
        """Look at them from inside the migrating transaction; locks nothing of the project's."""
        rows = connection.execute(_STATE, [list(self.names)]).fetchall()
        return State(
            files={oid: node for oid, node, _, _ in rows},
            read={oid: read for oid, _, read, _ in rows},
            written={oid: written for oid, _, _, written in rows},
            locks=self.locks(connection, connection.info.backend_pid),
        )

    def change(self, before: State, after: State) -> Change:
        """Say what lies between two states of one session."""
        new = [oid for oid in after.files if oid in before.files and after.files[oid] != before.files[oid]]
        rewritten = {self.names[oid] for oid in new if oid not in self.indexes}
        reindexed = {self.names[oid] for oid in new if oid in self.indexes} - rewritten
        return Change(
            locks=after.locks - before.locks,
            rewritten=tuple(sorted(rewritten)),
            reindexed=tuple(sorted(reindexed)),
            scanned=self._more(before.read, after.read),
            written=self._more(before.written, after.written),
        )

    def _more(self, before: Mapping[int, int], after: Mapping[int, int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for oid, count in after.items():
            # The server forgets its counters between two transactions, so less means anew.
            more = count - before.get(oid, 0) if count >= before.get(oid, 0) else count
            if more and oid not in self.indexes:
                found[self.names[oid]] = found.get(self.names[oid], 0) + more
        return found


def watch_tables(connection: Connection) -> Watched:
    """Name what exists now: tables of the project, and those of the platform that everyone uses."""
    values = {"platform": list(PLATFORM_SCHEMAS), "shared": list(WATCHED_PLATFORM)}
    rows = connection.execute(_RELATIONS, values).fetchall()
    return Watched(
        names={oid: name for oid, name, _ in rows},
        indexes=frozenset(oid for oid, _, kind in rows if kind == "i"),
    )
