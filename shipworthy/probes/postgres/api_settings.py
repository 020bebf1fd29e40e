"""What ``config.toml`` has the Data API serve, against the schemas that there are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import psycopg

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.exposure import ExposedRelation
from shipworthy.probes.postgres.policies import Policy

SERVED_BY_PLATFORM = ("storage", "graphql_public")
"""Schemas of the platform that its own configuration has exposed: one on projects made before 2024."""
PLATFORM_OWN = frozenset(PLATFORM_SCHEMAS) - frozenset(SERVED_BY_PLATFORM)
INTERNAL = re.compile(r"(^|_)(private|internal|helpers?|secrets?|admin|hidden)(_|$)|^_", re.IGNORECASE)
_TOLD = re.compile(r'@graphql\(.*"introspection"\s*:\s*true', re.DOTALL)


def read_schemas(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Name every schema."""
    return tuple(name for (name,) in connection.execute("select nspname::text from pg_catalog.pg_namespace"))


def internal_by_name(schema: str) -> bool:
    """Tell whether a schema's name says that it is not for users."""
    return bool(INTERNAL.search(schema))


def introspected_schemas(connection: psycopg.Connection[Any], schemas: Iterable[str]) -> tuple[str, ...]:
    """Name the exposed schemas for which pg_graphql was told to answer introspection.

    The comment is what counts: the extension need not be there, as on a server that stands in for it.
    """
    rows = connection.execute(
        "select nspname::text, pg_catalog.obj_description(oid, 'pg_namespace') from pg_catalog.pg_namespace"
        " where nspname = any (%s) order by 1",
        [list(schemas)],
    )
    return tuple(name for name, comment in rows if _TOLD.search(comment or ""))


def graphql_leaks(
    schema: str, relations: Iterable[ExposedRelation], policies: Iterable[Policy]
) -> tuple[str, ...]:
    """Name the tables of a schema that ``anon`` may select from while no policy lets it read a row."""
    readable = {
        policy.table for policy in policies if policy.permissive and "select" in policy.commands("anon")
    }
    return tuple(
        relation.name
        for relation in relations
        if relation.schema == schema
        and relation.kind == "table"
        and relation.row_security
        and "select" in relation.anon
        and relation.name not in readable
    )
