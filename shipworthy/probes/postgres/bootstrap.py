"""What Supabase's platform provides, made where the server is not Supabase's own.

The SQL lies in ``platform/``: roles, ``auth``, ``storage``, ``realtime``, default privileges. All of
it can be run again. ``platform/variants/`` has what differs between the platform's two defaults, and
``platform/stand_ins/`` extensions that a server may lack and that can harmlessly be stood in for; each
marks itself by a comment in the database, so that anyone who looks at a database later can tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

PLATFORM = Path(__file__).parent / "platform"
EXPLICIT_GRANTS = PLATFORM / "variants" / "explicit_grants.sql"
PROVIDED = {"pgcrypto": "extensions", "uuid-ossp": "extensions", "supabase_vault": "vault"}
"""Extensions that every Supabase project has without asking, and the schema of each."""
MARK = "shipworthy stand-in for "

Connection = psycopg.Connection[Any]


def bootstrap(connection: Connection, *, auto_expose: bool = True) -> None:
    """Make in one database what a Supabase project starts with; existing things stay.

    Args:
        connection: as a superuser.
        auto_expose: new entities in ``public`` are granted to the Data API's roles by themselves, as
            on every project before 2026-05-30; else they need a grant each, as on all new ones since
            and on every project since 2026-10-30.

    """
    with connection.transaction():
        # Two databases of one server may be bootstrapped at once, and both change the same roles.
        connection.execute("lock table pg_catalog.pg_authid in share row exclusive mode")
        for file in sorted(PLATFORM.glob("*.sql")):
            connection.execute(file.read_text(encoding="utf-8").encode())
        if not auto_expose:
            connection.execute(EXPLICIT_GRANTS.read_text(encoding="utf-8").encode())
        for extension, schema in PROVIDED.items():
            stand_in = stand_in_for(connection, extension)
            real = f"create schema if not exists {schema};"
            real += f'create extension if not exists "{extension}" with schema {schema}'
            connection.execute((stand_in or real).encode())


def stand_in_for(connection: Connection, extension: str) -> str | None:
    """Give the SQL that stands in for an extension.

    None where this server can create the real one, and where nothing can stand in for it.
    """
    file = PLATFORM / "stand_ins" / f"{extension}.sql"
    if not file.is_file() or _can_create(connection, extension):
        return None
    return file.read_text(encoding="utf-8")


def read_stand_ins(connection: Connection) -> tuple[str, ...]:
    """Name the extensions that are only stood in for in this database."""
    rows = connection.execute(
        "select distinct substr(description, length(%s) + 1) from pg_description"
        " where starts_with(description, %s) order by 1",
        (MARK, MARK),
    ).fetchall()
    return tuple(row[0] for row in rows)


def _can_create(connection: Connection, extension: str) -> bool:
    row = connection.execute(
        "select exists (select from pg_available_extensions where name = %(name)s)"
        # pg_cron lives in one database of its server, and only where it was preloaded.
        " and (%(name)s <> 'pg_cron'"
        "   or current_setting('cron.database_name', true) is not distinct from current_database()::text)",
        {"name": extension},
    ).fetchone()
    return bool(row and row[0])
