"""How many rows the deployed tables have, and how many of them a rehearsal takes."""

from __future__ import annotations

import math
from collections.abc import Mapping

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.session import read_only_session
from shipworthy.probes.postgres.upgrade.locks import WATCHED_PLATFORM

FEWEST = 50
"""Rows that every table gets: enough for a scan to be told from a look at one row."""
UNKNOWN = 500
"""Rows of a table whose size nobody knows."""

# Estimates only: counting would read the deployed tables. A partition counts for its root.
_ESTIMATES = """
select format('%%I.%%I', n.nspname, r.relname),
  sum(greatest(c.reltuples, pg_catalog.pg_stat_get_live_tuples(c.oid), 0))::bigint
from pg_catalog.pg_class c
join pg_catalog.pg_class r on r.oid = coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid)
join pg_catalog.pg_namespace n on n.oid = r.relnamespace
where c.relkind in ('r', 'm')
  and (format('%%s.%%s', n.nspname, r.relname) = any (%(shared)s)
       or n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_')
group by 1
"""


def estimate_sizes(live: str) -> dict[str, int]:
    """Give the rows of each deployed table as the server's own statistics have them."""
    values = {"platform": list(PLATFORM_SCHEMAS), "shared": list(WATCHED_PLATFORM)}
    with read_only_session(live) as connection:
        return dict(connection.execute(_ESTIMATES, values).fetchall())


def scaled(expected: Mapping[str, int], most: int) -> dict[str, int]:
    """Give the rows of each table in the rehearsal: ``most`` for the largest, the others in proportion."""
    scale = min(1.0, most / max(expected.values(), default=1)) if any(expected.values()) else 1.0
    return {table: max(min(FEWEST, most), math.ceil(rows * scale)) for table, rows in expected.items()}
