"""Tables that keep what others did, and whether those can change what is kept about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.facts import read_facts

NAMES = "(^|_)(audits?|audit_?(logs?|trails?|events?|entries)|security_?logs?|access_?logs?|logged_actions)$"
"""How tables are called that keep what others did; a history of orders or chats is the user's own."""


@dataclass(frozen=True, slots=True)
class AuditTable:
    """A table that is meant to be added to only, by its name or by a trigger that says so."""

    name: str
    why: str
    """What makes it one: ``its name``, or the trigger."""
    row_security: bool
    disabled: bool
    """The trigger that refuses changes is switched off."""
    anon: Sequence[str]
    """Which of ``update``, ``delete`` and ``truncate`` it has the privilege for."""
    authenticated: Sequence[str]


# A trigger before update or delete whose function only raises refuses every change.
_TABLES = r"""
with refusing as (
  select t.tgrelid, t.tgname, t.tgenabled
  from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
  where not t.tgisinternal and (t.tgtype::int & 2) > 0 and (t.tgtype::int & 24) > 0
    and p.prosrc ~* '^\s*begin\s+raise\s+exception[^;]*;\s*end;?\s*$'
)
select distinct on (1) format('%%I.%%I', n.nspname, c.relname) as name,
  case when f.tgname is null then 'its name' else 'its trigger ' || quote_ident(f.tgname) end as why,
  c.relrowsecurity as row_security, coalesce(f.tgenabled = 'D', false) as disabled,
  {anon} as anon, {authenticated} as authenticated
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join refusing f on f.tgrelid = c.oid
where c.relkind in ('r', 'p') and not c.relispartition
  and n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_'
  and (f.tgname is not null
       or c.relname ~* %(names)s)
order by 1, f.tgenabled = 'D' desc, f.tgname
"""

_MAY = """array(select w from unnest(array['update', 'delete', 'truncate']) with ordinality o (w, i)
  where pg_catalog.has_schema_privilege('{role}', n.oid, 'usage')
    and case when w = 'update' then pg_catalog.has_any_column_privilege('{role}', c.oid, w)
             else pg_catalog.has_table_privilege('{role}', c.oid, w) end order by i)"""


def read_audit_tables(connection: psycopg.Connection[Any]) -> tuple[AuditTable, ...]:
    """Read the project's audit tables."""
    query = _TABLES.format(anon=_MAY.format(role="anon"), authenticated=_MAY.format(role="authenticated"))
    values = {"platform": list(PLATFORM_SCHEMAS), "names": NAMES}
    return read_facts(connection, AuditTable, query, values)


def changed_by(table: AuditTable, policies: Iterable[Any]) -> tuple[tuple[str, str, str], ...]:
    """Give what users can do to its rows: role, command, and what lets them.

    A trigger that refuses all changes refuses theirs too.
    """
    if table.why != "its name" and not table.disabled:
        return ()
    if not table.row_security:
        lets = "row level security is disabled"
        return tuple((role, c, lets) for role in ("anon", "authenticated") for c in getattr(table, role))
    return tuple(
        (role, command, f"policy {policy.quoted}")
        for policy in policies
        if policy.table == table.name and policy.permissive
        for role in ("anon", "authenticated")
        for command in policy.commands(role)
        if command in {"update", "delete"}
    )
