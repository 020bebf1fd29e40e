"""What a database is made of, as a flat mapping of canonical facts.

Two databases with the same schema give equal mappings, whatever the server's version and
whoever applied the migrations: names and definitions come from Postgres' own ``pg_get_*def``
functions under an empty ``search_path``. What the platform or an extension owns is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg

Catalogue = Mapping[tuple[str, str], str]
"""(kind, name) to definition: ``("policy", "public.documents.members_read")`` to its text."""

PLATFORM_SCHEMAS = (
    "information_schema", "auth", "storage", "realtime", "_realtime", "_analytics", "_supavisor",
    "supabase_functions", "supabase_migrations", "extensions", "graphql", "graphql_public", "vault",
    "pgsodium", "pgsodium_masks", "pgbouncer", "cron", "net", "pgtle", "topology", "tiger", "tiger_data",
)  # fmt: skip
"""Schemas of the platform and of extensions: not the project's, so neither proven nor compared."""

SHARED_TABLES = ("storage.objects", "storage.buckets", "realtime.messages")
"""Tables of the platform on which projects put policies."""

PLATFORM_ROLES = (
    "postgres", "supabase_admin", "supabase_auth_admin", "supabase_storage_admin", "supabase_etl_admin",
    "supabase_functions_admin", "supabase_realtime_admin", "supabase_replication_admin", "pgbouncer",
    "supabase_read_only_user", "supabase_superuser", "dashboard_user", "pgsodium_keyholder",
    "pgsodium_keyiduser", "pgsodium_keymaker", "pgtle_admin", "cli_login_postgres",
)  # fmt: skip
"""Roles that run the platform. What they may do differs by hosting and is no fact of the project."""


def read_catalogue(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], str]:
    """Read every fact of the project's own schemas.

    The connection's transaction must have an empty ``search_path`` (``read_only_session`` sets it).
    """
    values = {
        "platform": list(PLATFORM_SCHEMAS),
        "shared": list(SHARED_TABLES),
        "roles": list(PLATFORM_ROLES),
    }
    facts: dict[tuple[str, str], str] = {}
    for kind, query in _queries().items():
        for name, definition in connection.execute(query, values):
            facts[kind, name] = _canonical(definition)
    return dict(sorted(facts.items()))


@cache
def _queries() -> dict[str, bytes]:
    """Read the queries of ``catalogue.sql``: kind to statement."""
    text = (files(__package__) / "catalogue.sql").read_text(encoding="utf-8")
    sections = dict(_sections(text))
    scope = sections.pop("scope")
    return {kind: (scope + query).encode() for kind, query in sections.items()}


def _sections(text: str) -> Iterator[tuple[str, str]]:
    driver_text = re.sub(r"(?<!:):(platform|shared|roles)\b", r"%(\1)s", text.replace("%", "%%"))
    _, *parts = re.split(r"^-- kind: (.+)\n", driver_text, flags=re.MULTILINE)
    yield from zip(parts[::2], parts[1::2], strict=True)


def _canonical(definition: str) -> str:
    """Drop what editors and clients change on the way: line ends and spaces behind lines."""
    return "\n".join(line.rstrip() for line in definition.splitlines()).strip()
