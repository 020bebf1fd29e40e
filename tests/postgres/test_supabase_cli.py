"""A project ends in the same database as with the real Supabase CLI: catalogue, history, rows."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.catalogue import read_catalogue
from shipworthy.probes.postgres.contents import data_tables, read_contents
from shipworthy.probes.postgres.migrate import MigrationError, apply_migrations, apply_seed, read_history
from shipworthy.probes.postgres.project import read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.setup import supabase_command

Connection = psycopg.Connection[Any]
HOUSE = Path(__file__).parents[2]
PUSH_S = 60

NASTY = {
    "migrations/20260101000000_quotes.sql": """\
-- leading comment; with a semicolon
/* block ; /* nested ; */ still */
create table public.a (id int primary key, "odd;name" text default 'it''s; fine'); create table b (id int);;
insert into public.a values (1, E'back\\\\slash\\';') ; -- trailing; comment
comment on table public.a is $tag$dollar; $$ inside $tag$;
select 1 as "a;b", e'x\\';y', U&'\\0041;', 'a$b;';
create table locked (id int); lock table locked;
-- only a comment at the end
""",
    "migrations/20260102000000_functions.sql": """\
create function one() returns int language sql begin atomic select 1; select case when true then 2 end; END;
create function public.two() returns int language plpgsql as $body$
begin
  -- comment; here
  return 2;
end;
$body$;
do $$ begin perform 1; end $$;
create procedure public.three() BEGIN
  ATOMIC insert into public.b values (1); /* x; */ end
;
create table public."begin atomic" ("end" int); select 1
""",
    "migrations/20260103000000_lines.sql": "create table c (\r\n  id int, -- one;\r\n  t text\r\n);\r\n"
    "comment on table public.c is 'two\r\nlines';\r\n",
    "migrations/20260104000000_mark.sql": "\ufeffcreate table public.d (id int);\n",
    "migrations/20260105000000_index.sql": "create table public.h (id int);\n"
    "create index concurrently b_id on public.b (id);\n"
    "-- and one more\ndrop index concurrently b_id;\ncreate index b_again on public.b (id);",
    "migrations/20260106000000_nothing.sql": "",
    "migrations/20260107000000_comment.sql": "-- nothing\n",
    "migrations/20260108000000_settings.sql": "set search_path = ''; create table public.e (id int);"
    " select set_config('search_path', '', false);\n",
    "migrations/20260109000000_after.sql": "create table f (id int);\n",
    "migrations/20260110000000_strings.sql": "set standard_conforming_strings = off;\n"
    "create table g (t text default 'a\\\\b');\n",
    "migrations/20260111000000_own.sql": "begin;\ncreate table i (i int);\ncommit;\ncreate table j (i int);",
    "migrations/20260112000000_type.sql": "create type mood as enum ('good');",
    "migrations/20260113000000_bare.sql": "-- pg-delta: transaction=false\nalter type mood add value 'bad';\n"
    "create table k (mood mood default 'bad');",
    "migrations/9_newest_as_text.sql": "create table l (id int);",
    "migrations/100_a.sql": "create table m (id int);",
    "migrations/10_b.sql": "create table n (id int);",
    "migrations/readme.sql": "select 1 / 0;",
    "migrations/.hidden.sql": "select 1 / 0;",
    "config.toml": 'project_id = "nasty"\n'
    '[db.seed]\nsql_paths = ["./seeds/b.sql", "./seeds/*.sql", "./seeds/no.sql"]\n',
    "seeds/a.sql": "insert into public.a values (10, 'seed');\n",
    "seeds/b.sql": "insert into public.b values (10);\ninsert into public.b select id from public.a;\n",
    "seeds/deep/c.sql": "select 1 / 0;",
}  # fmt: skip


@pytest.fixture(scope="session")
def cli() -> tuple[str, ...]:
    """Where the CLI is required, a missing one is a failure."""
    try:
        return supabase_command()
    except ProbeError as error:
        if os.environ.get("SHIPWORTHY_CLI_TESTS") == "required":
            raise
        pytest.skip(str(error))


@pytest.fixture
def push(cli: tuple[str, ...]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Push a project with the real CLI; the option that names a database changed with version 3."""
    silent = os.environ | {"SUPABASE_TELEMETRY": "0", "DO_NOT_TRACK": "1"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*cli, *words],
            env=silent, capture_output=True, text=True, check=False, timeout=PUSH_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    major = int(run("--version").stdout.strip().partition(".")[0])

    def push_to(dsn: str, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
        target = [f"--remote={dsn}"] if major >= 3 else [f"--db-url={dsn}"]
        return run("db", "push", *target, "--yes", "--workdir", str(folder), *flags)

    return push_to


@contextmanager
def two_databases(scratch: ScratchServer) -> Iterator[tuple[str, Connection, Connection]]:
    """A DSN for the CLI, a connection to the same database, and one to a twin of it."""
    template = scratch.platform()
    theirs, ours = scratch.clone(template), scratch.clone(template)
    with connect_scratch(theirs) as pushed, connect_scratch(ours) as applied:
        yield theirs, pushed, applied
    scratch.drop(theirs)
    scratch.drop(ours)


def facts(connection: Connection) -> dict[tuple[str, str], str]:
    connection.execute("set search_path = ''")
    found = read_catalogue(connection)
    connection.execute("reset search_path")
    return found


def rows(connection: Connection) -> dict[str, Any]:
    found = read_contents(connection, data_tables(connection))
    return {table: contents.rows for table, contents in found.items() if contents.rows}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "supabase" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


def test_the_reference_project_ends_in_the_same_database(scratch, push, tmp_path):
    shutil.copytree(HOUSE / "supabase", tmp_path / "supabase")
    for file in (tmp_path / "supabase" / "migrations").glob("*_cron.sql"):
        file.unlink()  # the CLI knows no stand-in for an extension
    project = read_project(tmp_path / "supabase")
    with two_databases(scratch) as (dsn, pushed, applied):
        done = push(dsn, tmp_path, "--include-seed")
        assert done.returncode == 0, done.stdout + done.stderr
        apply_migrations(applied, project)
        apply_seed(applied, project)
        assert read_history(applied) == read_history(pushed)
        assert facts(applied) == facts(pushed)
        assert rows(applied) == rows(pushed)


def test_a_nasty_project_ends_in_the_same_database(scratch, push, tmp_path):
    files = {**NASTY, "roles.sql": f"create role nasty_{scratch.run} nologin;\n-- end\n"}
    project = read_project(written(tmp_path, files) / "supabase")
    with two_databases(scratch) as (dsn, pushed, applied):
        done = push(dsn, tmp_path, "--include-seed", "--include-roles")
        assert done.returncode == 0, done.stdout + done.stderr
        apply_migrations(applied, project)
        apply_seed(applied, project)
        assert len(read_history(pushed)) == len(project.migrations) == 16
        assert read_history(applied) == read_history(pushed)
        assert facts(applied) == facts(pushed)
        assert rows(applied) == rows(pushed)
        applied.execute(f"drop role nasty_{scratch.run}")


REFUSED = {
    "a rule of two statements, which the CLI cuts": (
        "create table t (id int);\ncreate rule r as on insert to t do also (select f(1); select 2);",
        "42601",
    ),
    "a command of psql": ("select 1;\n\\connect postgres\nselect 2;", "42601"),
    "an error behind an index made concurrently": (
        "create table t (i int);\ncreate index concurrently ti on t (i);\ncreate table u ();\nselect 1 / 0;",
        "22012",
    ),
    "an error in a file with a transaction of its own": (
        "begin;\ncreate table t (id int);\ncommit;\ncreate table u (id int);\nselect 1 / 0;",
        "22012",
    ),
    "an error in a plain file": ("create table t (id int);\nselect 1 / 0;", "22012"),
    "a new value of a type that is older": (
        "alter type public.older add value 'b';\nselect 'b'::public.older;",
        "55P04",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_cli_refuses_is_refused_and_leaves_the_same(scratch, push, tmp_path, name):
    sql, sqlstate = REFUSED[name]
    files = {
        "config.toml": 'project_id = "refused"\n',
        "migrations/1_first.sql": "create table first (id int); create type older as enum ('a');",
        "migrations/2_refused.sql": sql,
        "migrations/3_never.sql": "create table never (id int);",
    }
    project = read_project(written(tmp_path, files) / "supabase")
    with two_databases(scratch) as (dsn, pushed, applied):
        done = push(dsn, tmp_path)
        assert done.returncode != 0
        assert f"SQLSTATE {sqlstate}" in done.stderr, done.stderr
        with pytest.raises(MigrationError, match=f"SQLSTATE {sqlstate}"):
            apply_migrations(applied, project)
        assert read_history(applied) == read_history(pushed)
        assert facts(applied) == facts(pushed)
