"""Declared data is compared where the project declared it, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.declared import compare_jobs, compare_secrets
from shipworthy.probes.postgres.declared_buckets import compare_buckets, in_bytes
from shipworthy.probes.postgres.declared_rows import compare_rows
from shipworthy.probes.postgres.migrate import apply_migrations
from shipworthy.probes.postgres.project import Project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch

Sides = Callable[..., tuple[Project, psycopg.Connection[Any], psycopg.Connection[Any]]]


@pytest.fixture(scope="module")
def databases(scratch: ScratchServer) -> Iterator[list[psycopg.Connection[Any]]]:
    """Two databases as Supabase hands them out."""
    with ExitStack() as stack:
        connections = []
        for _ in range(2):
            dsn = scratch.clone(scratch.platform())
            stack.callback(scratch.drop, dsn)
            connections.append(stack.enter_context(connect_scratch(dsn)))
        yield connections


@pytest.fixture
def sides(databases: list[psycopg.Connection[Any]], make_project: Callable[..., Project]) -> Iterator[Sides]:
    """Make a project on a scratch and on a live database, and then change live: ``sides(sql, by_hand)``.

    Called again, it begins again; after the test all is undone.
    """
    with ExitStack() as stack:

        def make(sql: str, by_hand: str = "select", config: str = ""):
            stack.pop_all().close()
            project = make_project(**{"migrations/1_first.sql": sql, "config.toml": config})
            for connection, more in zip(databases, ("select", by_hand), strict=True):
                stack.enter_context(connection.transaction(force_rollback=True))
                apply_migrations(connection, project)
                connection.execute(more)
                connection.execute("set search_path = ''")
            return project, *databases

        yield make


def subjects(comparison):
    assert comparison.looked_at
    assert all(m.saw and m.want and m.remedy for m in comparison.mismatches)
    return [mismatch.subject for mismatch in comparison.mismatches]


BUCKET = "insert into storage.buckets (id, name, public, file_size_limit) values ('a', 'a', false, 1024);"


@pytest.mark.parametrize(
    ("by_hand", "found"),
    {
        "select": [],
        "update storage.buckets set public = true": ["bucket a"],
        "update storage.buckets set file_size_limit = null": ["bucket a"],
        "delete from storage.buckets": ["bucket a"],
        "insert into storage.buckets (id, name) values ('b', 'b')": ["bucket b"],
        "update storage.buckets set allowed_mime_types = '{image/png}'": [],  # nobody declared any
    }.items(),
)
def test_buckets_of_migrations(sides, by_hand, found):
    assert subjects(compare_buckets(*sides(BUCKET, by_hand))) == found


def test_buckets_of_the_configuration(sides):
    config = (
        "[storage.buckets.c]\npublic = true\nfile_size_limit = '2KiB'\nallowed_mime_types = ['b/c', 'a/b']\n"
    )
    there = "insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values"
    assert subjects(compare_buckets(*sides("select 1", config=config))) == ["bucket c"]
    right = f"{there} ('c', 'c', true, 2048, '{{a/b,b/c}}')"
    assert subjects(compare_buckets(*sides("select 1", right, config))) == []


def test_either_declaration_of_a_bucket_may_have_been_applied_last(sides):
    config = "[storage.buckets.a]\npublic = true\n"
    for by_hand in ("select", "update storage.buckets set public = true"):
        assert subjects(compare_buckets(*sides(BUCKET, by_hand, config))) == []


def test_what_migrations_make_under_a_condition_is_not_unknown(sides):
    conditional = f"do $$ begin if current_user = 'somebody' then {BUCKET} end if; end $$;"
    comparison = compare_buckets(*sides(conditional, BUCKET))
    assert subjects(comparison) == []
    assert "bucket a" in comparison.notes[0]


@pytest.mark.parametrize(
    ("size", "size_in_bytes"), {"50MiB": 52_428_800, "1kb": 1024, "7": 7, "2g": 2**31}.items()
)
def test_sizes_are_read_as_the_cli_reads_them(size, size_in_bytes):
    assert in_bytes(size) == size_in_bytes


def test_what_is_no_size_is_said(sides):
    with pytest.raises(ProbeError, match="write 50MiB"):
        in_bytes("much")


JOB = "create extension pg_cron; select cron.schedule('nightly', '0 3 * * *', 'select 1');"


@pytest.mark.parametrize(
    ("by_hand", "found"),
    {
        "select": [],
        "select cron.unschedule('nightly')": ["cron job nightly"],
        "update cron.job set schedule = '0 4 * * *'": ["cron job nightly"],
        "update cron.job set command = 'select 2'": ["cron job nightly"],
        "update cron.job set active = false": ["cron job nightly"],
        "update cron.job set command = E'\\n  select 1  \\n'": [],
        "select cron.schedule('other', '* * * * *', 'select 3')": ["cron job other"],
    }.items(),
)
def test_jobs(sides, by_hand, found):
    assert subjects(compare_jobs(*sides(JOB, by_hand))) == found


def test_a_token_in_a_job_is_not_told(sides):
    token = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl"
    by_hand = f"update cron.job set command = $$select call('{token}')$$"
    (mismatch,) = compare_jobs(*sides(JOB, by_hand)).mismatches
    assert "eyJ" not in mismatch.saw + mismatch.remedy
    assert "(a token)" in mismatch.saw


ROWS = """
create table public.plans (
  tier text primary key, price int, note text default 'x', seen timestamptz default now()
);
create table public.flags (id uuid primary key default gen_random_uuid(), key text unique, enabled boolean);
create table public.kinds (id bigint generated always as identity primary key, label text);
create table public.mine (id int primary key, note text);
create table public.cities (id uuid primary key, name text);
alter table public.plans enable row level security;
alter table public.flags enable row level security;
alter table public.kinds enable row level security;
alter table public.mine enable row level security;
alter table public.cities enable row level security;
create policy everyone on public.mine using (true);
insert into public.plans (tier, price) values ('free', 0), ('team', 5);
insert into public.flags (key, enabled) values ('beta', false);
insert into public.kinds (label) values ('one'), ('two');
insert into public.mine values (1, 'a');
insert into public.cities values
  ('00000000-0000-4000-8000-000000000001', 'Rome'), (gen_random_uuid(), 'Oslo');
"""


@pytest.mark.parametrize(
    ("by_hand", "found"),
    {
        "select": [],
        "delete from public.plans where tier = 'team'": ["row public.plans tier=team"],
        "update public.plans set price = 7 where tier = 'team'": ["row public.plans tier=team"],
        "update public.plans set note = null where tier = 'free'": ["row public.plans tier=free"],
        "insert into public.plans values ('more', 9)": [],
        "update public.flags set enabled = true": ["row public.flags key=beta"],
        "update public.flags set id = gen_random_uuid()": [],
        "delete from public.kinds where label = 'two'": ["row public.kinds label=two"],
        "update public.mine set note = 'b'": [],
        "delete from public.mine": [],
        "update public.cities set name = 'Roma' where name = 'Rome'": ["row public.cities name=Rome"],
        "drop table public.plans": [],
        "alter table public.plans drop column price": [],
    }.items(),
)
def test_rows_of_migrations(sides, by_hand, found):
    assert subjects(compare_rows(*sides(ROWS, by_hand))) == found


def test_a_remedy_brings_a_row_back(sides):
    project, made, live = sides(ROWS, "delete from public.plans; update public.flags set enabled = true")
    for mismatch in compare_rows(project, made, live).mismatches:
        live.execute(mismatch.remedy.split("`")[1].encode())
    assert subjects(compare_rows(project, made, live)) == []


def test_values_that_look_secret_are_not_told(sides):
    table = "create table public.s (name text primary key, api_token text);"
    table += "alter table public.s enable row level security; insert into public.s values ('a', 'before');"
    (mismatch,) = compare_rows(*sides(table, "update public.s set api_token = 'hunter2'")).mismatches
    assert "hunter2" not in mismatch.saw + mismatch.remedy


def test_a_placeholder_was_meant_to_be_replaced(sides):
    table = "create table public.s (name text primary key, url text);"
    table += (
        "alter table public.s enable row level security; insert into public.s values ('a', '<your-url>');"
    )
    assert subjects(compare_rows(*sides(table, "update public.s set url = 'https://example.com'"))) == []


READS = """
create function public.call() returns text language plpgsql as $$
begin return (select decrypted_secret from vault.decrypted_secrets s where s.name = 'hook_key'); end $$;
"""
VAULT = "select vault.create_secret('value', '{}')"


@pytest.mark.parametrize(
    ("sql", "by_hand", "found"),
    [
        ("select 1", "select", []),
        (READS, "select", ["vault secret hook_key"]),
        (READS, VAULT.format("hook_key"), []),
        (READS, VAULT.format("other"), ["vault secret hook_key"]),
    ],
)
def test_secrets_that_are_read_by_name(sides, sql, by_hand, found):
    _, made, live = sides(sql, by_hand)
    assert subjects(compare_secrets(made, live)) == found


def test_a_vault_that_cannot_be_looked_into_is_no_proof(sides):
    _, made, live = sides(READS, VAULT.format("hook_key"))
    live.execute("set role anon")
    with pytest.raises(ProbeError, match="hook_key from the vault"):
        compare_secrets(made, live)
