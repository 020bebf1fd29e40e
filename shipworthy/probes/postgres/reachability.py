"""What policies mean the Data API's users to reach, and whether the privileges for it are there.

A policy says which rows; a privilege says whether the command may be tried at all. Without it
PostgREST answers 42501 whatever the policy says. The same holds for the functions that a
policy calls, and for the sequence behind a column that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.bodies import by_name, reached_functions, read_text
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.exposure import Function
from shipworthy.probes.postgres.facts import read_facts
from shipworthy.probes.postgres.policies import USERS, Policy

COMMANDS = ("select", "insert", "update", "delete")


@dataclass(frozen=True, slots=True)
class Reach:
    """What one role may do to one relation of an exposed schema, whatever its policies say."""

    relation: str
    schema: str
    role: str
    """``anon``, ``authenticated`` or ``service_role``."""
    view: bool
    """It is a view, plain or materialized: no policy says whom it is for."""
    usage: bool
    """The role may use the schema."""
    commands: Sequence[str]
    """Commands that it has the privilege for, on some column at least."""
    sequences: Sequence[str]
    """Sequences that count a column of the relation, and that it may not advance."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that is meant to be reached and cannot be."""

    subject: str
    """The relation or function."""
    roles: tuple[str, ...]
    meant: str
    """What means it, in words."""
    privileges: tuple[str, ...]
    on: str
    """What the privileges are on, as ``grant`` wants it."""

    @property
    def grant(self) -> str:
        """The statement that is missing."""
        return f"grant {', '.join(self.privileges)} on {self.on} to {', '.join(self.roles)};"


@dataclass(frozen=True, slots=True)
class Reachable:
    """What decides about reach in one database."""

    policies: tuple[Policy, ...]
    reach: tuple[Reach, ...]
    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True)
class Losses:
    """What the platform's new default takes away from a project that counted on the old one."""

    grants: Mapping[str, tuple[str, ...]]
    """Relation or function to the statements that it needs."""
    callers: Mapping[str, tuple[str, ...]]
    """Function to the roles of users that may call it by the old default only: it is not for PUBLIC."""


_REACH = """
with counting as materialized (
  select k.objid, k.refobjid from pg_catalog.pg_depend k
  where k.classid = 'pg_catalog.pg_attrdef'::regclass and k.refclassid = 'pg_catalog.pg_class'::regclass
), counters as materialized (
  select d.adrelid, array_agg(s.oid) as sequences
  from counting join pg_catalog.pg_attrdef d on d.oid = counting.objid
  join pg_catalog.pg_class s on s.oid = counting.refobjid and s.relkind = 'S' group by 1
)
select format('%%I.%%I', n.nspname, c.relname) as relation, quote_ident(n.nspname) as schema, r.role,
  c.relkind in ('v', 'm') as view,
  pg_catalog.has_schema_privilege(r.role, n.oid, 'usage') as usage,
  array(select w from unnest(array['select', 'insert', 'update', 'delete']) with ordinality o (w, i)
        where case when w = 'delete' then pg_catalog.has_table_privilege(r.role, c.oid, w)
                   else pg_catalog.has_any_column_privilege(r.role, c.oid, w) end order by i) as commands,
  array(select s.oid::regclass::text from unnest(counters.sequences) s (oid)
        where not pg_catalog.has_sequence_privilege(r.role, s.oid, 'usage, update') order by 1) as sequences
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join counters on counters.adrelid = c.oid
cross join (values ('anon'), ('authenticated'), ('service_role')) r (role)
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname = any (%(schemas)s) and n.nspname <> all (%(platform)s)
  and not exists (select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1, 3
"""


def read_reach(connection: psycopg.Connection[Any], schemas: Iterable[str]) -> tuple[Reach, ...]:
    """Read what the API's roles have privileges for in the exposed schemas."""
    values = {"schemas": list(schemas), "platform": list(PLATFORM_SCHEMAS)}
    return read_facts(connection, Reach, _REACH, values)


def missing_privileges(database: Reachable) -> tuple[Missing, ...]:
    """Give what permissive policies mean users to reach and privileges keep from them."""
    places = {(r.relation, r.role): r for r in database.reach}
    functions = {function.signature: function for function in database.functions}
    named = by_name(database.functions)
    found: dict[str, Missing] = {}
    for policy in database.policies:
        if policy.permissive and policy.grantees:
            whom = _whom(policy, named)
            for missing in (*_of_table(policy, places, whom), *_of_functions(policy, functions)):
                found.setdefault(missing.grant, missing)
    return tuple(found.values())


def _of_table(
    policy: Policy, places: Mapping[tuple[str, str], Reach], whom: tuple[str, ...]
) -> Iterator[Missing]:
    roles = [role for role in policy.grantees if (policy.table, role) in places]
    wanted = COMMANDS if policy.command == "all" else (policy.command,)
    reached = {role: set(wanted) & set(places[policy.table, role].commands) for role in roles}
    unreached = tuple(role for role in roles if not reached[role])
    meant = f"policy {policy.quoted} for {policy.command}"
    # A policy for everyone, or for every command, leaves it to privileges who and what; but not nobody.
    if "public" in policy.roles and unreached:
        unreached = whom if len(unreached) == len(roles) else ()
    if unreached:
        yield Missing(policy.table, unreached, meant, wanted, policy.table)
    for role in roles:
        place = places[policy.table, role]
        if reached[role] and not place.usage and "public" not in policy.roles:
            yield Missing(policy.table, (role,), meant, ("usage",), f"schema {place.schema}")
        if "insert" in reached[role]:
            for sequence in place.sequences:
                yield Missing(policy.table, (role,), meant, ("usage",), f"sequence {sequence}")


def _whom(policy: Policy, functions: Mapping[str, tuple[Function, ...]]) -> tuple[str, ...]:
    """Tell whom a policy for everyone means: who is signed in, where it or a helper asks who calls."""
    texts = [read_text(expression) for expression in policy.expressions]
    texts += [read_text(f.source) for text in texts for f in reached_functions(text, functions)]
    asks = any(text.asks_for_caller for text in texts)
    return ("authenticated",) if asks or policy.command != "select" else USERS


def _of_functions(policy: Policy, functions: Mapping[str, Function]) -> Iterator[Missing]:
    """Give the functions that a policy calls and that whom it is for may not execute."""
    for role in policy.grantees:
        if not policy.commands(role) or ("public" in policy.roles and role == "anon"):
            continue
        for signature in policy.functions:
            if signature in functions and not getattr(functions[signature], role):
                meant = f"policy {policy.quoted} on {policy.table}, which calls it,"
                yield Missing(signature, (role,), meant, ("execute",), f"function {signature}")


def lost_by_default(old: Reachable, new: Reachable) -> Losses:
    """Compare what can be reached where the platform exposes new entities, and where it does not.

    What policies mean counts, views, and what the service could do; what no policy means does not:
    that it is out of reach is what the new default is for.

    Args:
        old: the migrated project where everything new in ``public`` is granted by itself.
        new: the same where nothing is.

    """
    before = {missing.grant for missing in missing_privileges(old)}
    lost = [missing for missing in missing_privileges(new) if missing.grant not in before]
    had = {(reach.relation, reach.role): reach.commands for reach in old.reach}
    for reach in new.reach:
        if had[reach.relation, reach.role] and not reach.commands:
            lost += _lost_relation(reach, had[reach.relation, reach.role])
    return Losses(_statements(lost), dict(_lost_functions(old, new)))


def _lost_relation(reach: Reach, commands: Sequence[str]) -> Iterator[Missing]:
    if reach.view and reach.role == "authenticated":
        yield Missing(reach.relation, (reach.role,), "a view", ("select",), reach.relation)
    if reach.role == "service_role":
        yield Missing(reach.relation, (reach.role,), "the service", tuple(commands), reach.relation)


def _lost_functions(old: Reachable, new: Reachable) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the exposed functions that users could call only by default: revoked from PUBLIC and no more."""
    may = {function.signature: function.callers for function in new.functions}
    for function in old.functions:
        gone = tuple(role for role in function.callers if role not in may.get(function.signature, ()))
        if function.exposed and not function.trigger and gone:
            yield function.signature, gone


def _statements(lost: Iterable[Missing]) -> dict[str, tuple[str, ...]]:
    """Write one grant for each role and object, by subject."""
    privileges: dict[tuple[str, str, str], list[str]] = {}
    for missing in lost:
        for role in missing.roles:
            privileges.setdefault((missing.subject, missing.on, role), []).extend(missing.privileges)
    statements: dict[str, tuple[str, ...]] = {}
    for (subject, on, role), found in privileges.items():
        chosen = sorted(set(found), key=lambda p: COMMANDS.index(p) if p in COMMANDS else 0)
        statement = f"grant {', '.join(chosen)} on {on} to {role};"
        statements[subject] = (*statements.get(subject, ()), statement)
    return statements
