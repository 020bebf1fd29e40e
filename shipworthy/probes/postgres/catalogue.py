"""What a database is made of, as a flat mapping of canonical facts.

Two databases with the same schema give equal mappings, whatever the server's version and
whoever applied the migrations: names and definitions come from Postgres' own ``pg_get_*def``
functions under an empty ``search_path``. What the platform or an extension owns is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg

from shipworthy.probes.postgres.bootstrap import MARK, PLATFORM
from shipworthy.probes.postgres.deparse import as_since_16

Fact = tuple[str, str]
"""Kind and name: ``("policy", "public.documents.members_read")``."""

PLATFORM_SCHEMAS = (
    "information_schema", "auth", "storage", "realtime", "_realtime", "_analytics", "_supavisor",
    "supabase_functions", "supabase_migrations", "extensions", "graphql", "graphql_public", "vault",
    "pgsodium", "pgsodium_masks", "pgbouncer", "cron", "net", "pgtle", "topology", "tiger", "tiger_data",
    "pgmq", "pgmq_public", "etl",
)  # fmt: skip
"""Schemas of the platform and of extensions: not the project's, so neither proven nor compared."""

SHARED_TABLES = ("storage.objects", "storage.buckets", "realtime.messages")
"""Tables of the platform on which projects put policies."""

PLATFORM_ROLES = (
    "postgres", "supabase_admin", "supabase_auth_admin", "supabase_storage_admin", "supabase_etl_admin",
    "supabase_functions_admin", "supabase_realtime_admin", "supabase_replication_admin", "pgbouncer",
    "supabase_read_only_user", "supabase_superuser", "supabase_privileged_role", "dashboard_user",
    "pgsodium_keyholder", "pgsodium_keyiduser", "pgsodium_keymaker", "pgtle_admin", "cli_login_postgres",
)  # fmt: skip
"""Roles that run the platform. What they may do differs by hosting and is no fact of the project."""

HOOK_ROLE = "supabase_auth_admin"
"""The role of the platform that calls functions of the project: where sign-in has hooks."""

RESERVED_ROLES = "^(pg|supabase|pgsodium|pgtle|cli_login)_"
"""How the names of roles begin that Postgres and the platform keep for themselves."""

GIVEN_EXTENSIONS = (
    "plpgsql", "pgcrypto", "uuid-ossp", "pg_stat_statements", "supabase_vault", "pg_graphql", "pgjwt",
    "pgsodium",
)  # fmt: skip
"""Extensions that the platform installs by itself, some of them on projects of some ages only."""

USUAL_SETTINGS = (
    "statement_timeout=8s", "lock_timeout=8s", "idle_in_transaction_session_timeout=60000",
    "session_preload_libraries=safeupdate", "session_preload_libraries=supautils, safeupdate",
)  # fmt: skip
"""What the platform sets for the role that the Data API connects as."""

SURROUNDINGS = frozenset({"extension", "extension version", "role", "membership", "role setting"})
"""Kinds of facts that belong to the server or come with it: no dump of a database carries them whole."""
_MARKED = """
select distinct substr(d.description, length(m) + 1), n.nspname
from (select %s::text) mark (m), pg_catalog.pg_description d
join pg_catalog.pg_proc p on d.classoid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objoid
join pg_catalog.pg_namespace n on n.oid = p.pronamespace where starts_with(d.description, m)
"""
_MADE = re.compile(r"^\s*create (?:or replace )?[a-z ]+@extschema@\.(\w+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Catalogue(Mapping[Fact, str]):
    """Every fact of a database, in order, with its definition."""

    facts: Mapping[Fact, str]
    parents: Mapping[Fact, frozenset[str]] = field(default_factory=dict)
    """Without which others a fact cannot be, by their kind and name: ``table public.documents``."""

    def __getitem__(self, fact: Fact) -> str:
        return self.facts[fact]

    def __iter__(self) -> Iterator[Fact]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)


def read_catalogue(connection: psycopg.Connection[Any], *, surroundings: bool = False) -> Catalogue:
    """Read every fact of the project's own schemas.

    Args:
        connection: its transaction must have an empty ``search_path`` (``read_only_session`` sets it).
        surroundings: also the facts of the kinds ``SURROUNDINGS``.

    """
    values = {
        "platform": list(PLATFORM_SCHEMAS),
        "shared": list(SHARED_TABLES),
        "roles": list(PLATFORM_ROLES),
        "reserved": RESERVED_ROLES,
        "given": list(GIVEN_EXTENSIONS),
        "usual": list(USUAL_SETTINGS),
        "mark": MARK,
        "hooks": HOOK_ROLE,
        "stood_in": list(_stood_in(connection)),
    }
    old = connection.info.server_version < 160000
    facts: dict[Fact, str] = {}
    parents: dict[Fact, frozenset[str]] = {}
    for kind, name, definition, above in connection.execute(_query(surroundings=surroundings), values):
        text = _canonical(definition)
        facts[kind, name] = as_since_16(text) if old and kind == "view" else text
        parents[kind, name] = frozenset(parent for parent in above or () if parent)
    return Catalogue(dict(sorted(facts.items())), parents)


def _stood_in(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """Name what stand-ins for extensions made among the project's own: where they are real, it is theirs."""
    for extension, schema in connection.execute(_MARKED, [MARK]).fetchall():
        text = (PLATFORM / "stand_ins" / f"{extension}.sql").read_text(encoding="utf-8")
        yield from (f"{schema}.{name}" for name in _MADE.findall(text))


@cache
def _query(*, surroundings: bool) -> bytes:
    """Make one statement of ``catalogue.sql``: its rows are kind, name, definition, parents."""
    sections = dict(_sections((files(__package__) / "catalogue.sql").read_text(encoding="utf-8")))
    scope = sections.pop("scope")
    shape = "select '{}', name::text, definition::text, parents from (\n{}) s (name, definition, parents)"
    parts = [
        shape.format(kind, query)
        for kind, query in sections.items()
        if surroundings or kind not in SURROUNDINGS
    ]
    return (scope + "\nunion all\n".join(parts)).encode()


def _sections(text: str) -> Iterator[tuple[str, str]]:
    names = "platform|shared|roles|reserved|given|usual|mark|hooks|stood_in"
    driver_text = re.sub(rf"(?<!:):({names})\b", r"%(\1)s", text.replace("%", "%%"))
    _, *parts = re.split(r"^-- kind: (.+)\n", driver_text, flags=re.MULTILINE)
    yield from zip(parts[::2], parts[1::2], strict=True)


def _canonical(definition: str) -> str:
    """Drop what editors and clients change on the way: line ends and spaces behind lines."""
    return "\n".join(line.rstrip() for line in definition.splitlines()).strip()
