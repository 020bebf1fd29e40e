"""What is deployed, made again on the scratch server without its rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.backup import dump_schema, list_dump, restore_dump
from shipworthy.probes.postgres.bootstrap import read_stand_ins
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.history import Applied, compare_history
from shipworthy.probes.postgres.migrate import HISTORY, MigrationError, apply_migrations, read_history
from shipworthy.probes.postgres.project import Migration, Project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.probes.postgres.session import read_only_session
from shipworthy.probes.postgres.statements import split_statements
from shipworthy.probes.postgres.substitutes import Substitutes

Connection = psycopg.Connection[Any]

_PROVIDED = (" SCHEMA - public ", " PUBLICATION - supabase_realtime ", " EVENT TRIGGER - ", " DATABASE - ")
"""Entries of a dump for what the platform has made in the copy already."""
_EXTENSIONS = """
select e.extname::text, n.nspname::text from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname <> 'plpgsql' order by 1
"""
_ROLES = "select rolname::text from pg_catalog.pg_roles where rolname !~ '^pg_' order by 1"
# What a project hangs on tables of the platform lies in the platform's schemas, which are not dumped.
_TRIGGERS = """
select pg_catalog.pg_get_triggerdef(t.oid) from pg_catalog.pg_trigger t
join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_proc p on p.oid = t.tgfoid
where not t.tgisinternal and c.relnamespace::regnamespace::text = any (%(platform)s)
  and p.pronamespace::regnamespace::text <> all (%(platform)s)
  and p.pronamespace <> 'pg_catalog'::regnamespace
"""
_POLICIES = """
select format('create policy %%I on %%I.%%I as %%s for %%s to %%s', policyname, schemaname, tablename,
    permissive, cmd, (select string_agg(case role when 'public' then role else quote_ident(role) end, ', ')
          from unnest(roles) role))
  || coalesce(' using (' || qual || ')', '') || coalesce(' with check (' || with_check || ')', '')
from pg_catalog.pg_policies where schemaname = any (%(platform)s)
"""
_JOBS = "select jobname, schedule, command from cron.job where jobname is not null"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rehearsed on what."""

    pending: tuple[Migration, ...]
    deployed: Project
    """The project up to what is deployed, without its seed."""
    recorded: tuple[Applied, ...]
    """What live recorded; empty where there is no live."""
    moot: bool
    """Nothing is pending: ``pending`` is the newest migration, which live has already."""
    rebuildable: bool
    """The files say everything that live recorded."""


def plan_upgrade(project: Project, live: str | None) -> Plan:
    """Choose what to rehearse: what live lacks; else the newest migration, on those before it.

    Raises:
        ProbeError: live does not answer.

    """
    recorded: tuple[Applied, ...] = ()
    if live:
        with read_only_session(live) as connection:
            recorded = tuple(Applied(v, name, tuple(sql)) for v, name, sql in read_history(connection))
    history = compare_history(project.migrations, recorded)
    pending = history.pending if live and history.pending else project.migrations[-1:]
    chosen = {migration.version for migration in pending}
    earlier = tuple(m for m in project.migrations if m.version not in chosen)
    if not pending:
        raise ProbeError(f"{project.path} has no migration to rehearse")
    return Plan(
        pending=tuple(pending),
        deployed=replace(project, migrations=earlier, seeds=()),
        recorded=recorded,
        moot=bool(live) and not history.pending,
        rebuildable=not history.unknown and not history.edited,
    )


def rebuild(scratch: ScratchServer, plan: Plan) -> str:
    """Give a template that is made from the files up to the deployed version.

    Raises:
        ProbeError: they do not apply.

    """

    def fill(dsn: str) -> None:
        with connect_scratch(dsn) as connection:
            apply_migrations(connection, plan.deployed)

    try:
        return scratch.template("upgrade_rebuilt", fill, base=scratch.platform())
    except MigrationError as error:
        raise ProbeError(f"no copy of what is deployed: {error}") from error


def dump_copy(scratch: ScratchServer, plan: Plan, live: str) -> tuple[str, list[str]]:
    """Give a template that is restored from live's own definitions, and what could not be restored.

    Raises:
        ProbeError: live cannot be dumped.

    """
    notes: list[str] = []

    def fill(dsn: str) -> None:
        notes.extend(_restore(dsn, live, plan))

    return scratch.template("upgrade_dumped", fill, base=scratch.platform()), notes


def _restore(dsn: str, live: str, plan: Plan) -> list[str]:
    with read_only_session(live) as connection:
        extensions = connection.execute(_EXTENSIONS).fetchall()
        stood_in = read_stand_ins(connection)
        roles = [name for (name,) in connection.execute(_ROLES)]
        platform = {"platform": list(PLATFORM_SCHEMAS)}
        hung = [sql for query in (_TRIGGERS, _POLICIES) for (sql,) in connection.execute(query, platform)]
        cron = connection.execute("select to_regclass('cron.job')").fetchone()
        jobs = connection.execute(_JOBS).fetchall() if cron and cron[0] else []
    with connect_scratch(dsn) as copy:
        notes = list(_provide(copy, extensions, stood_in, roles))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "schema"
        dump_schema(live, file, without=PLATFORM_SCHEMAS)
        entries = [line for line in list_dump(file) if not any(part in line for part in _PROVIDED)]
        restored = restore_dump(file, dsn, entries=entries)
    # A setting that this server does not know yet is none that a copy could miss.
    missed = [failure for failure in restored.failures if not failure.entry.startswith("SET ")]
    notes += [f"not copied: {failure.entry}: {failure.message}" for failure in missed]
    with connect_scratch(dsn) as copy:
        notes += list(_each(copy, [(sql, ()) for sql in hung]))
        notes += list(_each(copy, [("select cron.schedule(%s, %s, %s)", job) for job in jobs]))
        _record(copy, plan.recorded)
    return notes


def _provide(
    copy: Connection, extensions: list[tuple[str, str]], stood_in: tuple[str, ...], roles: list[str]
) -> Iterator[str]:
    """Make what definitions rest on: roles and extensions, stood in for where this server lacks them."""
    known = {name for (name,) in copy.execute(_ROLES)}
    for name in set(roles) - known:
        copy.execute(SQL("create role {} nologin").format(Identifier(name)))
    substitutes = Substitutes(copy)
    for name, schema in (*extensions, *((name, "extensions") for name in stood_in)):
        made = SQL("create schema if not exists {1}; create extension if not exists {0} with schema {1}")
        text = made.format(Identifier(name), Identifier(schema)).as_string(copy)
        sent = (sql for statement in split_statements(text) for sql in substitutes.of(statement))
        yield from _each(copy, [(sql, ()) for sql in sent])


def _each(copy: Connection, statements: list[tuple[str, tuple[Any, ...]]]) -> Iterator[str]:
    for sql, values in statements:
        try:
            copy.execute(sql.encode(), values or None)
        except (psycopg.errors.DuplicateObject, psycopg.errors.DuplicateTable):
            continue  # the platform has made it in the copy already
        except psycopg.Error as error:
            yield f"not copied: {' '.join(sql.split())[:120]}: {error.diag.message_primary}"


def _record(copy: Connection, recorded: tuple[Applied, ...]) -> None:
    for statement in HISTORY:
        copy.execute(statement.encode())
    with copy.cursor() as cursor:
        cursor.executemany(
            "insert into supabase_migrations.schema_migrations (version, name, statements)"
            " values (%s, %s, %s) on conflict do nothing",
            [(entry.version, entry.name, list(entry.statements)) for entry in recorded],
        )
