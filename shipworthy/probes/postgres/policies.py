"""The row level security policies of a database, each with the users whom it can serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS, SHARED_TABLES
from shipworthy.probes.postgres.facts import read_facts
from shipworthy.probes.postgres.openness import refuses

USERS = ("anon", "authenticated")
"""The roles of the Data API's callers; the service role passes all policies."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy on a table of the project, or on one of the platform's that projects put policies on."""

    table: str
    """Schema-qualified and quoted where needed."""
    schema: str
    name: str
    permissive: bool
    command: str
    """``select``, ``insert``, ``update``, ``delete`` or ``all``."""
    roles: Sequence[str]
    """Whom it is written for; ``public`` means everyone."""
    using: str
    """Which rows it lets see or change; empty where it has no such part."""
    check: str
    """Which rows it lets write; empty where it has no such part, and ``using`` stands in for it."""
    functions: Sequence[str]
    """The functions that it calls itself, as ``schema.name(arguments)``: Postgres checks EXECUTE on each."""
    row_security: bool
    """Row level security is enabled on the table: only then policies are asked."""
    owned: bool
    """Rows of the table belong to someone: a key of it leads to users, or to what users are members of."""
    tenant: bool
    """Memberships tie users to rows of the table, so that a new row belongs to nobody yet."""
    not_null: Sequence[str]
    """The table's columns that cannot be null."""
    anon: Sequence[str]
    """Which of its commands ``anon`` has the privilege for; none where the policy is not for it."""
    authenticated: Sequence[str]

    @property
    def subject(self) -> str:
        """The name to report it by."""
        return f"{self.table} policy {self.quoted}"

    @property
    def quoted(self) -> str:
        """The name as statements need it."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def expressions(self) -> tuple[str, ...]:
        """Its texts."""
        return tuple(filter(None, (self.using, self.check)))

    @property
    def grantees(self) -> tuple[str, ...]:
        """Which roles of users it serves: both where it is for everyone, none where it refuses them."""
        return tuple(
            role
            for role in USERS
            if (role in self.roles or "public" in self.roles)
            and not any(refuses(expression, role) for expression in self.expressions)
        )

    def commands(self, role: str) -> tuple[str, ...]:
        """Give the commands that the policy lets a role of users try."""
        return tuple(getattr(self, role)) if role in self.grantees else ()

    def decides(self, command: str) -> tuple[str, ...]:
        """Give the texts that decide about a command: what is seen or changed, then what is written."""
        written = self.check or self.using
        return {
            "select": (self.using,),
            "delete": (self.using,),
            "insert": (written,),
            "update": (self.using, written),
        }[command]


_POLICIES = """
with recursive keyed as (
  select distinct k.conrelid, k.confrelid, x.indexrelid
  from pg_catalog.pg_constraint k join pg_catalog.pg_index x on x.indrelid = k.conrelid and x.indisunique
  where k.contype = 'f' and k.conkey <@ x.indkey::int2[]
), people as (
  select 'auth.users'::regclass::oid as oid
  union
  select k.conrelid from pg_catalog.pg_constraint k
  join pg_catalog.pg_index x on x.indrelid = k.conrelid and x.indisprimary and k.conkey <@ x.indkey::int2[]
  where k.contype = 'f' and k.confrelid = 'auth.users'::regclass and x.indnkeyatts = 1
), tenants as (
  select t.confrelid as oid from keyed t join keyed u on u.indexrelid = t.indexrelid
  where u.confrelid in (select oid from people) and t.confrelid not in (select oid from people)
), owned as (
  select oid from people union select oid from tenants
  union
  select k.conrelid from owned join pg_catalog.pg_constraint k on k.confrelid = owned.oid and k.contype = 'f'
), calls as (
  select d.objid, array_agg(distinct format('%%I.%%I(%%s)', n.nspname, f.proname,
      pg_catalog.pg_get_function_identity_arguments(f.oid))) as functions
  from pg_catalog.pg_depend d join pg_catalog.pg_proc f on f.oid = d.refobjid
  join pg_catalog.pg_namespace n on n.oid = f.pronamespace
  where d.classid = 'pg_catalog.pg_policy'::regclass and d.refclassid = 'pg_catalog.pg_proc'::regclass
  group by 1
), guarded as (
  select c.oid, c.relname, c.relnamespace, c.relrowsecurity,
    format('%%I.%%I', n.nspname, c.relname) as name, n.nspname,
    pg_catalog.has_schema_privilege('anon', n.oid, 'usage') as anon,
    pg_catalog.has_schema_privilege('authenticated', n.oid, 'usage') as authenticated,
    array(select a.attname::text from pg_catalog.pg_attribute a
          where a.attrelid = c.oid and a.attnum > 0 and a.attnotnull and not a.attisdropped
          order by 1) as not_null
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.oid in (select polrelid from pg_catalog.pg_policy) and n.nspname !~ '^pg_'
    and (n.nspname <> all (%(platform)s) or format('%%s.%%s', n.nspname, c.relname) = any (%(shared)s))
    and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
)
select c.name as table, c.nspname::text as schema, p.polname::text as name,
  p.polpermissive as permissive, k.command,
  array(select case o.r when 0 then 'public' else pg_catalog.pg_get_userbyid(o.r)::text end
        from unnest(p.polroles) o (r) order by 1) as roles,
  coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') as using,
  coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '') as check,
  coalesce(calls.functions, array[]::text[]) as functions,
  c.relrowsecurity as row_security, owned.oid is not null as owned, tenants.oid is not null as tenant,
  c.not_null, {anon} as anon, {authenticated} as authenticated
from pg_catalog.pg_policy p join guarded c on c.oid = p.polrelid
left join calls on calls.objid = p.oid
left join (select distinct oid from owned) owned on owned.oid = c.oid
left join (select distinct oid from tenants) tenants on tenants.oid = c.oid
cross join lateral (select case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                                         when 'd' then 'delete' else 'all' end) k (command)
order by 1, 3
"""

_OF_ROLE = """array(
  select w from unnest(array['select', 'insert', 'update', 'delete']) with ordinality o (w, i)
  where c.{role} and k.command in (w, 'all') and p.polroles && array[0::oid, '{role}'::regrole::oid]
    and case when w = 'delete' then pg_catalog.has_table_privilege('{role}', c.oid, w)
             else pg_catalog.has_any_column_privilege('{role}', c.oid, w) end order by i)"""


def read_policies(connection: psycopg.Connection[Any]) -> tuple[Policy, ...]:
    """Read every policy of the project, in one statement.

    The session must have an empty ``search_path``, so that names in the expressions are full.
    """
    query = _POLICIES.format(
        anon=_OF_ROLE.format(role="anon"), authenticated=_OF_ROLE.format(role="authenticated")
    )
    values = {"platform": list(PLATFORM_SCHEMAS), "shared": list(SHARED_TABLES)}
    return read_facts(connection, Policy, query, values)
