"""What the Data API exposes: relations and functions of the exposed schemas, and who may use them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.facts import read_facts


@dataclass(frozen=True, slots=True)
class ExposedRelation:
    """A table or view that the Data API serves."""

    name: str
    """Schema-qualified and quoted where needed."""
    schema: str
    """As it is, without quotes."""
    kind: str
    """``table``, ``view``, ``materialized view`` or ``foreign table``."""
    partition: bool
    row_security: bool
    policies: int
    security_invoker: bool
    """A view that reads with its caller's rights."""
    anon: Sequence[str]
    """What ``anon`` may do to it, or to some column of it: ``select``, ``insert`` …"""
    authenticated: Sequence[str]

    @property
    def users(self) -> tuple[str, ...]:
        """The roles of the API's users that may do anything to it."""
        return tuple(role for role in ("anon", "authenticated") if getattr(self, role))


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the project, with what decides who can do what through it."""

    name: str
    """``schema.name``, quoted where needed."""
    schema: str
    """As it is, without quotes; so is ``bare_name``."""
    bare_name: str
    arguments: str
    """Identity arguments, as ``drop function`` wants them."""
    input_types: Sequence[str]
    exposed: bool
    trigger: bool
    security_definer: bool
    search_path: bool
    """The function sets its own ``search_path``."""
    anon: bool
    """``anon`` may execute it."""
    authenticated: bool
    past_policies: bool
    """Its owner is past policies: a superuser, or with BYPASSRLS, or the owner of tables."""
    returns: str
    """The type that it gives, with ``setof`` where it gives many."""
    source: str
    """Its body."""

    @property
    def callers(self) -> tuple[str, ...]:
        """The roles of the API's users that may execute it."""
        return tuple(role for role in ("anon", "authenticated") if getattr(self, role))

    @property
    def signature(self) -> str:
        """The name that SQL statements about this function need."""
        return f"{self.name}({self.arguments})"


_RELATIONS = """
select format('%%I.%%I', n.nspname, c.relname) as name, n.nspname::text as schema,
  case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
                 else 'table' end as kind,
  c.relispartition as partition, c.relrowsecurity as row_security,
  (select count(*)::int from pg_catalog.pg_policy p where p.polrelid = c.oid) as policies,
  coalesce('security_invoker=true' = any (c.reloptions) or 'security_invoker=on' = any (c.reloptions)
           or 'security_invoker=1' = any (c.reloptions), false) as security_invoker,
  {anon} as anon, {authenticated} as authenticated
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname = any (%(schemas)s)
  and not exists (select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1
"""

_MAY = """array(
  select w
  from unnest(array['select', 'insert', 'update', 'delete', 'truncate']) with ordinality o (w, i)
  where case when w in ('delete', 'truncate') then pg_catalog.has_table_privilege('{role}', c.oid, w)
        else pg_catalog.has_any_column_privilege('{role}', c.oid, w) end order by i)"""

_FUNCTIONS = """
with past as (
  select oid from pg_catalog.pg_roles where rolsuper or rolbypassrls
  union
  select c.relowner from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relforcerowsecurity
    and n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_'
)
select format('%%I.%%I', n.nspname, p.proname) as name, n.nspname::text as schema,
  p.proname::text as bare_name,
  pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments,
  array(select pg_catalog.format_type(t, null)
        from unnest(p.proargtypes) with ordinality o (t, i) order by i) as input_types,
  n.nspname = any (%(schemas)s) as exposed,
  p.prorettype in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype) as trigger,
  p.prosecdef as security_definer,
  coalesce((select bool_or(s like 'search_path=%%') from unnest(p.proconfig) s), false) as search_path,
  pg_catalog.has_function_privilege('anon', p.oid, 'execute') as anon,
  pg_catalog.has_function_privilege('authenticated', p.oid, 'execute') as authenticated,
  p.proowner in (select oid from past) as past_policies,
  coalesce(pg_catalog.pg_get_function_result(p.oid), '') as returns,
  coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc, '') as source
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_' and p.prokind in ('f', 'p')
  and not exists (select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by 1, 2
"""

_COUNT = """
select (select count(*) from pg_catalog.pg_class c
        where c.relnamespace = any (app.oids) and c.relkind in ('r', 'p', 'v', 'm', 'f'))
     + (select count(*) from pg_catalog.pg_proc p where p.pronamespace = any (app.oids))
from (select coalesce(array_agg(n.oid), array[]::oid[]) as oids from pg_catalog.pg_namespace n
      where n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_') app
"""


def exposed_relations(
    connection: psycopg.Connection[Any], schemas: Iterable[str]
) -> tuple[ExposedRelation, ...]:
    """Give every table and view of the exposed schemas that neither the platform nor an extension owns."""
    query = _RELATIONS.format(anon=_MAY.format(role="anon"), authenticated=_MAY.format(role="authenticated"))
    own = [schema for schema in schemas if schema not in PLATFORM_SCHEMAS]
    return read_facts(connection, ExposedRelation, query, {"schemas": own})


def project_functions(connection: psycopg.Connection[Any], schemas: Iterable[str]) -> tuple[Function, ...]:
    """Give every function of the project's own schemas; ``schemas`` are the exposed ones."""
    values = {"schemas": list(schemas), "platform": list(PLATFORM_SCHEMAS)}
    return read_facts(connection, Function, _FUNCTIONS, values)


def count_objects(connection: psycopg.Connection[Any]) -> int:
    """Count the relations and functions of the project's own schemas, exposed or not."""
    row = connection.execute(_COUNT.encode(), {"platform": list(PLATFORM_SCHEMAS)}).fetchone()
    return int(row[0]) if row else 0
