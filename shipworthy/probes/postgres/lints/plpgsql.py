"""What plpgsql_check finds in the functions of a project: what fails only when it is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS

EXTENSION = "plpgsql_check"
CHECK_S = 30
_FUNCTIONS = """
select p.oid,
  pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname,
                    pg_catalog.pg_get_function_identity_arguments(p.oid)),
  array(select distinct t.tgrelid from pg_catalog.pg_trigger t
        where t.tgfoid = p.oid and not t.tgisinternal),
  p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype), p.prorettype = 'event_trigger'::regtype
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where l.lanname = 'plpgsql' and p.prokind in ('f', 'p') and n.nspname <> all (%s) and n.nspname !~ '^pg_'
  and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
order by 2
"""
_CHECK = """
select coalesce(lineno, 0), level, coalesce(sqlstate, ''), message, coalesce(hint, '')
from {schema}.plpgsql_check_function_tb(
  %s::oid::regprocedure, %s::oid::regclass, fatal_errors := false, other_warnings := true,
  extra_warnings := false, performance_warnings := false, security_warnings := true)
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in the body of a function."""

    function: str
    line: int
    """Of the body; 0 where it is about the whole function."""
    grave: bool
    """It fails when it is reached; else a warning."""
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Bodies:
    """The functions that were looked at, and what is wrong in them."""

    functions: tuple[str, ...]
    problems: tuple[Problem, ...]


def check_bodies(connection: psycopg.Connection[Any]) -> Bodies:
    """Check every PL/pgSQL function of the project, triggers with each of their tables.

    Args:
        connection: to a scratch database, as a superuser; the extension is created in it.

    Raises:
        ProbeError: the server does not have the extension.

    """
    row = connection.execute(
        "select exists (select from pg_available_extensions where name = %s)", [EXTENSION]
    ).fetchone()
    if not (row and row[0]):
        raise ProbeError(
            f"the scratch server lacks {EXTENSION}: name an image that has it as database.image"
            " (supabase/postgres does), or install it there (Debian: postgresql-17-plpgsql-check)"
        )
    connection.execute(f"set statement_timeout = '{CHECK_S}s'")
    check = _CHECK.format(schema=_installed_in(connection))
    functions = connection.execute(_FUNCTIONS, [list(PLATFORM_SCHEMAS)]).fetchall()
    problems: list[Problem] = []
    for oid, name, tables, triggered, event in functions:
        # A trigger function without a trigger has no row to be checked with.
        places = tables if triggered and not event else [0]
        problems += _weighed([list(_problems(connection, check, oid, name, table)) for table in places])
    return Bodies(tuple(name for _, name, *_ in functions), tuple(problems))


def _weighed(by_table: list[list[Problem]]) -> list[Problem]:
    """Take for a mere warning what goes wrong with some of a trigger function's tables only.

    A function for several tables asks which one it serves before it uses what only that one has.
    """
    found = dict.fromkeys(problem for problems in by_table for problem in problems)
    return [
        replace(problem, grave=problem.grave and all(problem in problems for problems in by_table))
        for problem in found
    ]


def _installed_in(connection: psycopg.Connection[Any]) -> str:
    """Give the schema of the extension, which the project may have chosen; create it where it did not."""
    connection.execute("create schema if not exists shipworthy_lints")
    connection.execute(f"create extension if not exists {EXTENSION} with schema shipworthy_lints")
    row = connection.execute(
        "select quote_ident(n.nspname) from pg_catalog.pg_extension e"
        " join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = %s",
        [EXTENSION],
    ).fetchone()
    return row[0] if row else "shipworthy_lints"


def _problems(
    connection: psycopg.Connection[Any], check: str, oid: int, name: str, table: int
) -> Iterator[Problem]:
    try:
        rows = connection.execute(check.encode(), [oid, table]).fetchall()
    except psycopg.Error as error:
        raise ProbeError(f"{EXTENSION} cannot look at {name}: {error}") from error
    for line, level, sqlstate, message, hint in rows:
        code = f" (SQLSTATE {sqlstate})" if sqlstate and sqlstate != "00000" else ""
        yield Problem(name, line, level == "error", f"{message}{code}", hint)
