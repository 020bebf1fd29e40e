"""What is granted to the Data API's users, to everyone, and by default to what comes later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.facts import read_facts

PAST_POLICIES = ("truncate", "references", "trigger", "maintain")
"""Privileges on tables that row level security has no say in."""
ROWS = ("select", "insert", "update", "delete")
"""Privileges on tables that policies decide about."""
ALL = frozenset({"select", "insert", "update", "delete", "truncate", "references", "trigger"})
"""What ``grant all`` on a table has on every version of Postgres."""
LEFT_BY_PLATFORM = frozenset({"truncate", "references", "trigger"})
"""What the platform's new default leaves on a table in ``public``."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role was granted on one relation."""

    relation: str
    schema: str
    kind: str
    """``table``, ``view``, ``materialized view``, ``foreign table`` or ``sequence``."""
    grantee: str
    """``anon``, ``authenticated`` or ``public``."""
    privileges: Sequence[str]
    passed_on: Sequence[str]
    """Those of them that the grantee may grant to others."""


@dataclass(frozen=True, slots=True)
class ColumnGrant:
    """A privilege that one role was granted on columns of a relation."""

    relation: str
    grantee: str
    privilege: str
    columns: Sequence[str]
    on_table: bool
    """The same role has the same privilege on the whole relation."""
    every_column: bool
    """No column is left out."""


@dataclass(frozen=True, slots=True)
class DefaultPrivilege:
    """What will be granted on objects that a role makes from now on."""

    owner: str
    schema: str
    """Empty where it holds for every schema."""
    objects: str
    """``tables``, ``sequences``, ``functions``, ``types`` or ``schemas``."""
    grantee: str
    privileges: Sequence[str]
    passed_on: bool

    @property
    def revoke(self) -> str:
        """The statement that ends it."""
        place = f" in schema {self.schema}" if self.schema else ""
        return (
            f"alter default privileges for role {self.owner}{place} revoke {', '.join(self.privileges)}"
            f" on {self.objects} from {self.grantee};"
        )


_SCOPE = {"platform": list(PLATFORM_SCHEMAS)}

_APP = """
with app as (
  select n.oid, n.nspname from pg_catalog.pg_namespace n
  where n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_'
), rel as (
  select c.oid, c.relowner, c.relacl, app.nspname, format('%%I.%%I', app.nspname, c.relname) as relation,
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
                   when 'S' then 'sequence' else 'table' end as kind
  from pg_catalog.pg_class c join app on app.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relpersistence <> 't'
    and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), users as (
  select 0::oid as oid, 'public' as name
  union all select oid, rolname::text from pg_catalog.pg_roles where rolname in ('anon', 'authenticated')
)
"""

_GRANTS = (
    _APP
    + """
select rel.relation, rel.nspname::text as schema, rel.kind, users.name as grantee,
  array_agg(lower(e.privilege_type) order by lower(e.privilege_type)) as privileges,
  coalesce(array_agg(lower(e.privilege_type) order by lower(e.privilege_type)) filter (where e.is_grantable),
           array[]::text[]) as passed_on
from rel cross join lateral pg_catalog.aclexplode(rel.relacl) e join users on users.oid = e.grantee
group by 1, 2, 3, 4 order by 1, 4
"""
)

_COLUMN_GRANTS = (
    _APP  # noqa: S608  our own text
    + """
select rel.relation, users.name as grantee, lower(e.privilege_type) as privilege,
  array_agg(quote_ident(a.attname) order by a.attnum) as columns,
  users.oid in (select t.grantee from pg_catalog.aclexplode(rel.relacl) t
                where t.privilege_type = e.privilege_type) as on_table,
  count(*) = (select count(*) from pg_catalog.pg_attribute b
              where b.attrelid = rel.oid and b.attnum > 0 and not b.attisdropped) as every_column
from rel
join pg_catalog.pg_attribute a on a.attrelid = rel.oid and a.attacl is not null and not a.attisdropped
cross join lateral pg_catalog.aclexplode(a.attacl) e join users on users.oid = e.grantee
group by rel.oid, rel.relation, rel.relacl, users.oid, users.name, e.privilege_type order by 1, 2, 3
"""
)

_DEFAULTS = """
select quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole)) as owner,
  coalesce(quote_ident(n.nspname), '') as schema,
  case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                       when 'T' then 'types' else 'schemas' end as objects,
  case e.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(e.grantee)::text end as grantee,
  array_agg(lower(e.privilege_type) order by lower(e.privilege_type)) as privileges,
  bool_or(e.is_grantable) as passed_on
from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
cross join lateral pg_catalog.aclexplode(d.defaclacl) e
where (d.defaclnamespace = 0 or n.nspname <> all (%(platform)s))
  and (e.grantee = 0 or pg_catalog.pg_get_userbyid(e.grantee) in ('anon', 'authenticated', 'service_role'))
group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


def read_grants(connection: psycopg.Connection[Any]) -> tuple[Grant, ...]:
    """Read what users and everyone may do to the project's relations."""
    return read_facts(connection, Grant, _GRANTS, _SCOPE)


def read_column_grants(connection: psycopg.Connection[Any]) -> tuple[ColumnGrant, ...]:
    """Read the privileges that hold for some columns."""
    return read_facts(connection, ColumnGrant, _COLUMN_GRANTS, _SCOPE)


def read_default_privileges(connection: psycopg.Connection[Any]) -> tuple[DefaultPrivilege, ...]:
    """Read what objects to come will be granted, in the project's schemas or in all."""
    return read_facts(connection, DefaultPrivilege, _DEFAULTS, _SCOPE)


def past_policies(grant: Grant, defaults: Iterable[DefaultPrivilege]) -> tuple[str, ...]:
    """Give the privileges past row level security that a project chose to give, or chose not to take.

    Everything that a table can have, and what the platform leaves in its new default, is nobody's
    choice: whoever has never touched a grant has these. Views have no rows of their own.
    """
    had = set(grant.privileges)
    if grant.kind not in {"table", "foreign table"} or had >= ALL:
        return ()
    defaults = tuple(defaults)
    chosen = tuple(privilege for privilege in PAST_POLICIES if privilege in had)
    # Whoever revokes the others by name, as Postgres before 17 has them, never saw this one.
    if chosen == ("maintain",) and _given_by_default(grant, "maintain", defaults):
        return ()
    return () if had >= LEFT_BY_PLATFORM and not _exposed_by_default(grant, defaults) else chosen


def rows_by_choice(grant: Grant, defaults: Iterable[DefaultPrivilege]) -> tuple[str, ...]:
    """Give the privileges on rows that somebody chose to grant: what the platform gives is no choice."""
    rows = tuple(privilege for privilege in grant.privileges if privilege in ROWS)
    return () if set(grant.privileges) >= ALL and _exposed_by_default(grant, defaults) else rows


def _exposed_by_default(grant: Grant, defaults: Iterable[DefaultPrivilege]) -> bool:
    """Tell whether new tables in the relation's schema come with everything, so that some was taken away."""
    return _given_by_default(replace(grant, grantee="service_role"), "select", defaults)


def _given_by_default(grant: Grant, privilege: str, defaults: Iterable[DefaultPrivilege]) -> bool:
    return any(
        privilege in default.privileges
        for default in defaults
        if (default.objects, default.schema, default.grantee) == ("tables", grant.schema, grant.grantee)
    )


def judged_default_privileges(
    default: DefaultPrivilege, exposed: Iterable[str], *, auto_expose: bool | None
) -> str:
    """Tell whether a default is the platform's (empty), ``chosen`` and worth a word, or ``beyond`` it.

    The platform's documentation gives users defaults in ``public`` and in exposed schemas of one's
    own; PUBLIC, every schema at once and a grant option are never among them. Postgres itself lets
    everyone use types and execute functions.
    """
    users = default.grantee in {"anon", "authenticated"}
    if default.grantee == "service_role" or default.objects in {"types", "functions"}:
        return "beyond" if users and default.passed_on else ""
    if default.grantee == "public" or default.passed_on or not default.schema:
        return "beyond"
    left = LEFT_BY_PLATFORM | {"maintain"} if default.objects == "tables" else {"update"}
    read_or_written = set(default.privileges) - left
    if default.schema == "public":
        return "beyond" if auto_expose is False and read_or_written else ""
    if default.schema in set(exposed):
        return "chosen"
    return "beyond" if default.grantee == "anon" else "chosen"
