"""What Realtime broadcasts of a database: the tables that its publication names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.facts import read_facts

PUBLICATION = "supabase_realtime"


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A table whose changes are sent to subscribers."""

    name: str
    row_security: bool
    for_users: bool
    """Some permissive policy lets ``anon``, ``authenticated`` or everyone read it."""
    identified: bool
    """A changed row can be named: by a primary key, an index, or all of its columns."""
    changes: bool
    """Updates or deletes are sent, not only inserts."""
    everything: bool
    """It is sent because the publication is of all tables."""


_PUBLISHED = """
select format('%%I.%%I', n.nspname, c.relname) as name, c.relrowsecurity as row_security,
  exists (select from pg_catalog.pg_policy p
          where p.polrelid = c.oid and p.polpermissive and p.polcmd in ('r', '*')
            and p.polroles && (select array_agg(oid) || 0::oid from pg_catalog.pg_roles
                               where rolname in ('anon', 'authenticated'))) as for_users,
  case c.relreplident
    when 'f' then true when 'n' then false
    when 'i' then exists (select from pg_catalog.pg_index x where x.indrelid = c.oid and x.indisreplident)
    else exists (select from pg_catalog.pg_index x where x.indrelid = c.oid and x.indisprimary)
  end as identified,
  b.pubupdate or b.pubdelete as changes, b.puballtables as everything
from pg_catalog.pg_publication_tables t
join pg_catalog.pg_publication b on b.pubname = t.pubname
join pg_catalog.pg_namespace n on n.nspname = t.schemaname
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
where t.pubname = %(publication)s and n.nspname <> all (%(platform)s)
order by 1
"""


def read_published_tables(connection: psycopg.Connection[Any]) -> tuple[PublishedTable, ...]:
    """Read the project's tables that Realtime's publication sends."""
    values = {"publication": PUBLICATION, "platform": list(PLATFORM_SCHEMAS)}
    return read_facts(connection, PublishedTable, _PUBLISHED, values)
