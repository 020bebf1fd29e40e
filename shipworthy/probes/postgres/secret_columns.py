"""Columns whose names and types say that they hold secrets, and who of the users can read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.bodies import by_name, reached_functions, read_text
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.exposure import Function
from shipworthy.probes.postgres.facts import read_facts
from shipworthy.probes.postgres.openness import lets_through
from shipworthy.probes.postgres.policies import Policy


@dataclass(frozen=True, slots=True)
class SecretColumn:
    """A column of an exposed relation that holds a secret by name and type."""

    relation: str
    column: str
    kind: str
    """``table`` or ``view``."""
    guarded: bool
    """Policies are asked: row level security on a table, the caller's rights on a view."""
    readers: Sequence[str]
    """Which roles of users have the privilege to read the column."""

    @property
    def subject(self) -> str:
        """The name to report it by."""
        return f"{self.relation}.{self.column}"


SECRET = (
    "password", "passwd", "passphrase", "secret", "credentials", "api_?keys?",
    "(secret|private|signing|encryption)_?keys?", "(access|refresh|auth|bearer)_?tokens?",
    "service_?role(_?key)?",
)  # fmt: skip
"""What names of columns that hold secrets contain, as words."""
HARMLESS = (
    "at", "ids?", "name", "type", "hint", "count", "status", "prefix", "ur[il]", "version", "last4", "sha256",
    "hash", "expiry", "label", "enabled",
)  # fmt: skip
"""How names end that only tell something about a secret."""

_COLUMNS = """
select format('%%I.%%I', n.nspname, c.relname) as relation, quote_ident(a.attname) as column,
  case when c.relkind in ('v', 'm') then 'view' else 'table' end as kind,
  case when c.relkind = 'v' then coalesce('security_invoker=true' = any (c.reloptions)
                                          or 'security_invoker=on' = any (c.reloptions), false)
       else c.relrowsecurity end as guarded,
  array(select r from unnest(array['anon', 'authenticated']) r
        where pg_catalog.has_column_privilege(r, c.oid, a.attnum, 'select')
          and pg_catalog.has_schema_privilege(r, n.oid, 'usage') order by 1) as readers
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and n.nspname = any (%(schemas)s) and n.nspname <> all (%(platform)s)
  and t.typcategory in ('S', 'U') and t.typname not in ('uuid', 'tsvector', 'inet', 'vector')
  and a.attname ~* %(secret)s and a.attname !~* %(harmless)s
order by 1, 2
"""


def read_secret_columns(
    connection: psycopg.Connection[Any], schemas: Iterable[str]
) -> tuple[SecretColumn, ...]:
    """Read the columns of exposed relations that hold secrets."""
    values = {
        "schemas": list(schemas),
        "platform": list(PLATFORM_SCHEMAS),
        "secret": f"(^|_)({'|'.join(SECRET)})($|_)",
        "harmless": f"_({'|'.join(HARMLESS)})$",
    }
    return read_facts(connection, SecretColumn, _COLUMNS, values)


def open_secrets(
    columns: Iterable[SecretColumn], policies: Iterable[Policy], functions: Iterable[Function]
) -> Mapping[SecretColumn, Mapping[str, str]]:
    """Give the secrets that users read of others: by role, what lets them.

    A policy that asks who is calling is taken at its word here: whether its answer is right is
    shown by the proof of isolation.
    """
    index = by_name(functions)
    reading: dict[str, list[Policy]] = {}
    for policy in policies:
        if policy.permissive:
            reading.setdefault(policy.table, []).append(policy)
    found = {column: _readers(column, reading.get(column.relation, ()), index) for column in columns}
    return {column: readers for column, readers in found.items() if readers}


def _readers(
    column: SecretColumn, policies: Iterable[Policy], index: Mapping[str, tuple[Function, ...]]
) -> Mapping[str, str]:
    if not column.guarded:
        lets = "a view with its owner's rights" if column.kind == "view" else "row level security is disabled"
        return dict.fromkeys(column.readers, lets)
    return {
        role: f"policy {policy.quoted}"
        for policy in policies
        for role in column.readers
        if "select" in policy.commands(role) and _for_anyone(policy, role, index)
    }


def _for_anyone(policy: Policy, role: str, index: Mapping[str, tuple[Function, ...]]) -> bool:
    if lets_through(policy.using, role, not_null=policy.not_null):
        return True
    text = read_text(policy.using)
    # Whoever reads another guarded table in a policy is asked by that table's policies.
    asked = text.asks_for_caller or "from" in text.words
    return not asked and not any(read_text(f.source).asks_for_caller for f in reached_functions(text, index))
