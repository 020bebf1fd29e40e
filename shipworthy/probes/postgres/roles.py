"""The roles of a server: what they may do past every policy, who can become whom, and who owns what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import PLATFORM_ROLES, PLATFORM_SCHEMAS
from shipworthy.probes.postgres.facts import read_facts

API_ROLES = ("anon", "authenticated", "authenticator")
"""Whom the Data API connects as, and whom it becomes for users."""
POWERFUL = (
    "service_role", "pg_read_all_data", "pg_write_all_data", "pg_execute_server_program",
    "pg_read_server_files", "pg_write_server_files", "pg_maintain", "pg_create_subscription", "pg_monitor",
)  # fmt: skip
"""Roles whose members read or change what no policy gave them."""
_ATTRIBUTES = ("superuser", "bypassrls", "createrole", "replication")


@dataclass(frozen=True, slots=True)
class Role:
    """A role that is not Postgres' own."""

    name: str
    login: bool
    superuser: bool
    bypassrls: bool
    createrole: bool
    replication: bool
    member_of: Sequence[str]
    """Every role that it can become or inherit from, however far away."""
    owns: int
    """How many relations of the project belong to it: their policies do not bind it."""
    here: bool
    """It owns or was granted something in this database; a server may have roles for others."""

    @property
    def quoted(self) -> str:
        """The name as statements need it."""
        return self.name if re.fullmatch("[a-z_][a-z0-9_]*", self.name) else f'"{self.name}"'

    @property
    def platform(self) -> bool:
        """It runs the platform."""
        return self.name in PLATFORM_ROLES or self.name.startswith(("supabase_", "cli_login_"))

    @property
    def powers(self) -> tuple[str, ...]:
        """Attributes that take it past policies, or let it make roles that pass them."""
        return tuple(attribute for attribute in _ATTRIBUTES if getattr(self, attribute))


@dataclass(frozen=True, slots=True)
class Holding:
    """Something that a role of the API's users owns, or a schema in which it may create objects."""

    role: str
    object: str
    """As ``table public.notes``."""
    how: str
    """``owns`` or ``may create in``."""


_SCOPE = {"platform": list(PLATFORM_SCHEMAS), "users": list(API_ROLES)}

_ROLES = """
with recursive memberships as (
  select m.member, m.roleid from pg_catalog.pg_auth_members m
  union
  select s.member, m.roleid from memberships s join pg_catalog.pg_auth_members m on m.member = s.roleid
), owned as (
  select c.relowner, count(*)::int as relations
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_' and c.relkind in ('r', 'p', 'v', 'm', 'f')
  group by 1
)
select r.rolname::text as name, r.rolcanlogin as login, r.rolsuper as superuser, r.rolbypassrls as bypassrls,
  r.rolcreaterole as createrole, r.rolreplication as replication,
  array(select g.rolname::text from memberships s join pg_catalog.pg_roles g on g.oid = s.roleid
        where s.member = r.oid order by 1) as member_of,
  coalesce(owned.relations, 0) as owns,
  exists (select from pg_catalog.pg_shdepend d join pg_catalog.pg_database b on b.oid = d.dbid
          where d.refclassid = 'pg_catalog.pg_authid'::regclass and d.refobjid = r.oid
            and b.datname = current_database()) as here
from pg_catalog.pg_roles r left join owned on owned.relowner = r.oid
where r.rolname !~ '^pg_' and r.oid <> 10
  and r.oid <> (select datdba from pg_catalog.pg_database where datname = current_database())
order by 1
"""

_HOLDINGS = """
with users as (
  select oid, rolname::text as name from pg_catalog.pg_roles where rolname = any (%(users)s)
), app as (
  select n.oid, n.nspname, n.nspowner from pg_catalog.pg_namespace n
  where n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_'
)
select users.name as role, 'schema ' || quote_ident(app.nspname) as object, 'owns' as how
from app join users on users.oid = app.nspowner
union all
select users.name, case when c.relkind = 'S' then 'sequence ' when c.relkind in ('v', 'm') then 'view '
                        else 'table ' end || format('%%I.%%I', app.nspname, c.relname), 'owns'
from pg_catalog.pg_class c join app on app.oid = c.relnamespace join users on users.oid = c.relowner
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
union all
select users.name, format('function %%I.%%I(%%s)', app.nspname, p.proname,
                          pg_catalog.pg_get_function_identity_arguments(p.oid)), 'owns'
from pg_catalog.pg_proc p join app on app.oid = p.pronamespace join users on users.oid = p.proowner
union all
select users.name, 'schema ' || quote_ident(app.nspname), 'may create in'
from app cross join users where pg_catalog.has_schema_privilege(users.oid, app.oid, 'create')
  and app.nspowner <> users.oid
order by 1, 2
"""


def read_roles(connection: psycopg.Connection[Any]) -> tuple[Role, ...]:
    """Read every role of the server but Postgres' own, its first superuser and the database's owner."""
    return read_facts(connection, Role, _ROLES, _SCOPE)


def read_holdings(connection: psycopg.Connection[Any]) -> tuple[Holding, ...]:
    """Read what the API's users own in the project's schemas, and where they may create objects."""
    return read_facts(connection, Holding, _HOLDINGS, _SCOPE)


def powerful_memberships(role: Role, known: Mapping[str, Role]) -> tuple[str, ...]:
    """Give the roles that one is a member of and that policies do not bind.

    The one membership that is the platform's: the API connects as ``authenticator`` and becomes
    ``service_role`` for the service key.
    """
    own = {"service_role"} if role.name == "authenticator" else set[str]()
    for user in {"anon", "authenticated"}.intersection(role.member_of):
        own |= set(known[user].member_of)  # said of the user itself
    return tuple(
        other
        for other in role.member_of
        if other not in own
        and (
            other in POWERFUL
            or other in PLATFORM_ROLES
            or (other in known and (known[other].powers or known[other].owns))
        )
    )
