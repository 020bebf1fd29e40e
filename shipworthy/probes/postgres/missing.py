"""Whether a scratch server refused a statement because it is not Supabase's own.

A project is not to blame for what the platform provides and this server lacks: then nothing was
shown, and the message names the image that has it.
"""

from __future__ import annotations

import re

import psycopg

from shipworthy.probes.postgres.bootstrap import Connection
from shipworthy.probes.postgres.catalogue import PLATFORM_ROLES
from shipworthy.probes.postgres.statements import Statement

PLATFORM_IMAGE = "supabase/postgres"
ONLY_THERE = "supabase_vault"
"""An extension that no other image has."""

EXTENSIONS = frozenset({
    "address_standardizer", "address_standardizer_data_us", "amcheck", "autoinc", "bloom",
    "btree_gin", "btree_gist", "citext", "cube", "dblink", "dict_int", "dict_xsyn", "earthdistance",
    "file_fdw", "fuzzystrmatch", "hstore", "http", "hypopg", "index_advisor", "insert_username",
    "intagg", "intarray", "isn", "lo", "ltree", "moddatetime", "old_snapshot", "orioledb",
    "pageinspect", "pg_backtrace", "pg_buffercache", "pg_cron", "pg_freespacemap", "pg_graphql",
    "pg_hashids", "pg_jsonschema", "pg_net", "pg_partman", "pg_prewarm", "pg_repack",
    "pg_stat_monitor", "pg_stat_statements", "pg_surgery", "pg_tle", "pg_trgm", "pg_visibility",
    "pg_walinspect", "pgaudit", "pgcrypto", "pgjwt", "pgmq", "pgroonga", "pgroonga_database",
    "pgrouting", "pgrowlocks", "pgsodium", "pgstattuple", "pgtap", "plcoffee", "pljava", "plls",
    "plpgsql", "plpgsql_check", "plv8", "postgis", "postgis_raster", "postgis_sfcgal",
    "postgis_tiger_geocoder", "postgis_topology", "postgres_fdw", "refint", "rum", "seg", "sslinfo",
    "supabase_vault", "supautils", "tablefunc", "tcn", "timescaledb", "tsm_system_rows",
    "tsm_system_time", "unaccent", "uuid-ossp", "vector", "wrappers", "xml2",
})  # fmt: skip
"""What a project may create on Supabase (its extension list for Postgres 15 and 17)."""

PLATFORM_OBJECT = re.compile(
    r'[ "](auth|storage|realtime|vault|graphql|graphql_public|extensions|supabase_functions|pgsodium'
    r'|pgbouncer|net|cron|pgmq)"?\.'
)
"""How a message names something of a schema that is the platform's or an extension's."""
LACKING = {"42P01", "42883", "42704", "42703", "3F000"}
"""No such table, function, type or role, column, schema."""
OTHER_SHAPE = {"42703", "42804", "42883"}
"""No such column, another type, no such operator."""
INNER_TABLE = re.compile(
    r"\b(?:auth\.(?:sessions|refresh_tokens|flow_state|identities|audit_log_entries|mfa_\w+|one_time_tokens"
    r"|s[as][mo]l?_\w+|instances)|storage\.(?:migrations|prefixes|s3_\w+|buckets_\w+)|realtime\.\w+)\b",
    re.IGNORECASE,
)
"""Tables that only the platform's services write: ours have their columns, not each type of theirs."""
OPTIONAL_SCHEMAS = frozenset({"net", "cron", "pgmq", "pgsodium"})
"""Schemas of extensions that a project has only after ``create extension``."""
UNAVAILABLE = re.compile(r'(?:extension|file ".*/)\s?"?([\w-]+)(?:"|\.control)')
ROLE = re.compile(r'role "([^"]+)" does not exist')
NO_SCHEMA = re.compile(r'schema "(vault|graphql|graphql_public|supabase_functions)" does not exist')


def missing_here(connection: Connection, statement: Statement, error: psycopg.Error) -> str | None:
    """Say what the scratch server lacks; None where the statement itself is wrong, or it has everything.

    Args:
        connection: on the scratch server; usable.
        statement: the one that was refused.
        error: the server's.

    """
    thing = _lacking(statement, error)
    if not thing or _has_everything(connection) or _not_asked_for(connection, thing):
        return None
    return (
        f"this scratch server lacks {thing}; the platform's own image, {PLATFORM_IMAGE}, has it:"
        ' `--scratch container`, or scratch = "container" in the target'
    )


def _lacking(statement: Statement, error: psycopg.Error) -> str | None:
    """Name what is missing, where that is something of the platform's."""
    code, message = error.sqlstate or "", error.diag.message_primary or ""
    if code in {"0A000", "58P01"}:
        if "stand-in for" in message:
            return message.partition("stand-in for ")[2].replace(" has no ", "'s ")
        named = UNAVAILABLE.search(message)
        known = named and named[1] in EXTENSIONS and "extension" in statement.text.lower()
        return f"the extension {named[1]}" if known and named else None
    inner = INNER_TABLE.search(statement.text) if code in OTHER_SHAPE else None
    if inner:
        return f"the exact shape of {inner[0]} ({message})"
    role = ROLE.search(message)
    if code not in LACKING or (role and role[1] not in PLATFORM_ROLES):
        return None
    named = NO_SCHEMA.search(message) or PLATFORM_OBJECT.search(message) or role
    return message.removesuffix(" does not exist") if named else None


def _not_asked_for(connection: Connection, thing: str) -> bool:
    """Tell whether a table belongs to an extension that no migration created: it is missing there too.

    (Of a function, the server says itself that the schema is missing.)
    """
    named = PLATFORM_OBJECT.search(thing)
    if not named or named[1] not in OPTIONAL_SCHEMAS or not thing.startswith("relation"):
        return False
    row = connection.execute("select to_regnamespace(%s) is null", [named[1]]).fetchone()
    return bool(row and row[0])


def _has_everything(connection: Connection) -> bool:
    row = connection.execute("select from pg_available_extensions where name = %s", [ONLY_THERE]).fetchone()
    return row is not None
