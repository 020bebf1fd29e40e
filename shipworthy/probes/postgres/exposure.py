"""What the Data API exposes: relations and functions of the exposed schemas, and who may use them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS


@dataclass(frozen=True, slots=True)
class ExposedRelation:
    """A table or view that the Data API serves."""

    name: str
    """Schema-qualified and quoted where needed."""
    kind: str
    """``table``, ``view`` or ``materialized view``."""
    partition: bool
    row_security: bool
    policies: int
    security_invoker: bool
    """A view that reads with its caller's rights."""
    anon: Sequence[str]
    """What ``anon`` may do to it, or to some column of it: ``select``, ``insert`` …"""
    authenticated: Sequence[str]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the project, with what decides who can do what through it."""

    name: str
    """``schema.name``, quoted where needed."""
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

    @property
    def signature(self) -> str:
        """The name that SQL statements about this function need."""
        return f"{self.name}({self.arguments})"


_RELATIONS = """
select format('%%I.%%I', n.nspname, c.relname) as name,
  case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind,
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
select format('%%I.%%I', n.nspname, p.proname) as name,
  pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments,
  array(select pg_catalog.format_type(t, null)
        from unnest(p.proargtypes) with ordinality o (t, i) order by i) as input_types,
  n.nspname = any (%(schemas)s) as exposed,
  p.prorettype in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype) as trigger,
  p.prosecdef as security_definer,
  coalesce((select bool_or(s like 'search_path=%%') from unnest(p.proconfig) s), false) as search_path,
  pg_catalog.has_function_privilege('anon', p.oid, 'execute') as anon,
  pg_catalog.has_function_privilege('authenticated', p.oid, 'execute') as authenticated
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_' and p.prokind in ('f', 'p')
  and not exists (select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
order by 1, 2
"""


def exposed_relations(
    connection: psycopg.Connection[Any], schemas: Iterable[str]
) -> tuple[ExposedRelation, ...]:
    """Give every table and view of the exposed schemas that no extension owns."""
    query = _RELATIONS.format(anon=_MAY.format(role="anon"), authenticated=_MAY.format(role="authenticated"))
    with connection.cursor(row_factory=class_row(ExposedRelation)) as cursor:
        return tuple(cursor.execute(query, {"schemas": list(schemas)}))


def project_functions(connection: psycopg.Connection[Any], schemas: Iterable[str]) -> tuple[Function, ...]:
    """Give every function of the project's own schemas; ``schemas`` are the exposed ones."""
    values = {"schemas": list(schemas), "platform": list(PLATFORM_SCHEMAS)}
    with connection.cursor(row_factory=class_row(Function)) as cursor:
        return tuple(cursor.execute(_FUNCTIONS, values))
