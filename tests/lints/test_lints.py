"""What other tools say is heard, weighed, and never taken for more than it is."""

from __future__ import annotations

import os
import secrets
import stat

import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.container import remove_containers, start_container
from shipworthy.probes.postgres.lints.advisors import Advice, cli_version, run_advisors
from shipworthy.probes.postgres.lints.plpgsql import check_bodies
from shipworthy.probes.postgres.lints.squawk import run_squawk
from shipworthy.probes.postgres.project import Migration
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.setup import supabase_command


@pytest.fixture
def database(scratch):
    dsn = scratch.clone(scratch.platform())
    yield dsn
    scratch.drop(dsn)


@pytest.fixture
def cli():
    """Where the CLI is required, a missing one is a failure."""
    try:
        return supabase_command()
    except ProbeError as error:
        if os.environ.get("SHIPWORTHY_CLI_TESTS") == "required":
            raise
        pytest.skip(str(error))


def test_advisors_are_asked_through_the_real_cli(cli, database):
    with connect_scratch(database) as connection:
        connection.execute("create table public.open (id int primary key)")
        connection.execute("create table public.shut (id int primary key)")
        connection.execute("alter table public.shut enable row level security")
    said = {(advice.lint, advice.subject): advice for advice in run_advisors(cli, database)}
    assert said["rls_disabled_in_public", "public.open"].grave
    assert said["rls_disabled_in_public", "public.open"].remediation.startswith("https://")
    assert not said["rls_enabled_no_policy", "public.shut"].grave
    assert ("rls_disabled_in_public", "public.shut") not in said


def command(folder, *lines):
    """Make a command that says something, in the place of the CLI."""
    script = folder / "supabase"
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    return (str(script),)


def test_each_version_of_the_cli_is_called_its_own_way(tmp_path, database):
    for version, flag in (("2.122.1", "--db-url="), ("3.1.0", "--remote=")):
        folder = tmp_path / version
        folder.mkdir()
        script = command(
            folder,
            f"if [ $1 = --version ]; then echo {version}; exit; fi",
            f'echo "$*" > {folder}/said; echo \'{{"results": []}}\'',
        )
        assert run_advisors(script, database) == ()
        said = (folder / "said").read_text()
        assert f" {flag}postgresql://" in said
        assert "sslmode=disable" in said


def test_a_cli_that_fails_or_is_missing_is_no_proof(tmp_path, database):
    with pytest.raises(ProbeError, match="does not run"):
        cli_version((str(tmp_path / "nothing"),))
    with pytest.raises(ProbeError, match="cannot connect"):
        run_advisors(command(tmp_path, "[ $1 = --version ] && echo 3.1.0 || echo cannot connect"), database)


@pytest.mark.parametrize(
    ("level", "security", "lint", "grave"),
    [
        ("ERROR", False, "any", True),
        ("WARN", True, "a_new_danger", True),
        ("WARN", True, "extension_in_public", False),
        ("WARN", False, "duplicate_index", False),
        ("INFO", True, "rls_enabled_no_policy", False),
    ],
)
def test_errors_and_dangers_that_nobody_else_judges_are_grave(level, security, lint, grave):
    advice = Advice(lint, level, security=security, subject="s", detail="d", remediation="r")
    assert advice.grave is grave


def squawked(folder, sql):
    path = folder / "1_new.sql"
    path.write_text(sql)
    return run_squawk([Migration("1", "new", path, sql)], 17)


def test_what_stops_others_is_grave_and_what_is_taste_is_not(tmp_path):
    objections = squawked(
        tmp_path, "select 1;\ncreate index i on public.t (a);\ncreate table public.n (a int);\n"
    )
    assert [(o.line, o.rule) for o in objections if o.grave] == [(2, "require-concurrent-index-creation")]
    assert {"prefer-bigint-over-int"} <= {o.rule for o in objections if not o.grave}


@pytest.mark.parametrize(
    "sql",
    [
        "create index concurrently i on public.t (a);",  # the CLI runs it outside a transaction
        "create table public.n (id bigint primary key); create index on public.n (id);",
        "alter table public.t add column b text;",
    ],
)
def test_careful_migrations_stop_nobody(tmp_path, sql):
    assert [objection for objection in squawked(tmp_path, sql) if objection.grave] == []


def test_without_the_extension_bodies_are_unverified(database):
    with (
        connect_scratch(database) as connection,
        pytest.raises(ProbeError, match="lacks plpgsql_check: name an image"),
    ):
        check_bodies(connection)


BODIES = """
create table public.t (id int);
create function public.fine() returns int language plpgsql as
  $$ begin return (select count(*) from public.t); end $$;
create function public.broken() returns int language plpgsql as $$
begin
  return (select nothing from public.t);
end $$;
create function public.touch() returns trigger language plpgsql as
  $$ begin new.gone := now(); return new; end $$;
create function public.unused() returns trigger language plpgsql as
  $$ begin new.gone := now(); return new; end $$;
create trigger touch before insert on public.t for each row execute function public.touch();
create table public.u (id int, name text);
create function public.log() returns trigger language plpgsql as
  $$ begin if tg_table_name = 'u' then raise notice '%', new.name; end if; return new; end $$;
create trigger log before insert on public.t for each row execute function public.log();
create trigger log before insert on public.u for each row execute function public.log();
"""


@pytest.mark.container
def test_bodies_are_checked_with_their_tables(container_engine):
    run = secrets.token_hex(5)
    try:
        server = start_container(container_engine, run=run, password="secret")
        scratch = ScratchServer(server.dsn(), "postgres", run)
        with connect_scratch(scratch.clone(scratch.platform())) as connection:
            connection.execute(BODIES.encode())
            found = check_bodies(connection)
    finally:
        remove_containers(run)
    names = ("broken", "fine", "log", "touch", "unused")
    assert found.functions == tuple(f"public.{name}()" for name in names)
    assert {p.function for p in found.problems if not p.grave} == {"public.log()"}
    assert {(p.function, p.line) for p in found.problems if p.grave} == {
        ("public.broken()", 3),
        ("public.touch()", 1),
    }
