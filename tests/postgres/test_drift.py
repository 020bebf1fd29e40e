"""Drift is what differs, and nothing else."""

from __future__ import annotations

import pytest

from shipworthy.probes.postgres.catalogue import read_catalogue
from shipworthy.probes.postgres.drift import Drift, compare
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed


def facts(connection):
    connection.execute("set search_path = ''")
    return read_catalogue(connection)


def test_two_databases_from_one_project_are_equal(database, empty, reference_project):
    apply_migrations(empty, reference_project)
    apply_seed(empty, reference_project)
    assert compare(facts(database), facts(empty)) == ()
    assert len(facts(empty)) > 250


def test_partitions_that_a_job_makes_and_drops_are_no_drift(database):
    before = facts(database)
    database.execute("select private.ensure_metric_partitions(12)")
    assert compare(before, facts(database)) == ()
    for (partition,) in database.execute(
        "select relid::regclass from pg_partition_tree('public.metrics') where level > 0"
    ).fetchall():
        database.execute(f"drop table {partition}")
    assert compare(before, facts(database)) == ()


def test_a_partition_that_is_guarded_otherwise_is_drift(database):
    before = facts(database)
    (partition,) = database.execute(
        "select relid::regclass::text from pg_partition_tree('public.metrics') where level > 0 limit 1"
    ).fetchone()
    database.execute(f"alter table {partition} disable row level security")
    assert [d.subject for d in compare(before, facts(database))] == ["partitions public.metrics"]


CHANGES = {
    "alter table public.plans add column note text": "column public.plans.note",
    "alter table public.documents alter column title set default 'x'": "column public.documents.title",
    "alter table public.documents alter column title drop not null": "column public.documents.title",
    "create table public.extra (id int)": "table public.extra",
    "alter table public.feature_flags set unlogged": "table public.feature_flags",
    "alter table public.members drop constraint members_role_check":
        "constraint public.members.members_role_check",
    "create index extra_idx on public.plans (price_eur)": "index public.plans.extra_idx",
    "create view public.extra as select 1 as one": "view public.extra",
    "create type public.mood as enum ('a')": "type public.mood",
    "create domain public.positive as int check (value > 0)": "type public.positive",
    "create schema extra": "schema extra",
    "create sequence public.extra": "sequence public.extra",
    "alter table public.documents disable row level security": "row level security public.documents",
    "alter table public.documents force row level security": "row level security public.documents",
    'alter policy "members read decisions" on public.agent_decisions using (true)':
        'policy public.agent_decisions."members read decisions"',
    'alter policy "everyone reads the price list" on public.plans to authenticated':
        'policy public.plans."everyone reads the price list"',
    "create policy extra on storage.objects for select using (true)": "policy storage.objects.extra",
    "alter function private.is_member(uuid) reset search_path": "function private.is_member(org uuid)",
    "alter function private.is_member(uuid) security invoker": "function private.is_member(org uuid)",
    "alter function private.is_member(uuid) volatile": "function private.is_member(org uuid)",
    "create aggregate public.joined (text) (sfunc = textcat, stype = text)": "function public.joined(text)",
    "alter table public.agent_decisions disable trigger agent_decisions_append_only":
        "trigger public.agent_decisions.agent_decisions_append_only",
    "create trigger extra after insert on auth.users execute function private.touch_updated_at()":
        "trigger auth.users.extra",
    "grant select on public.documents to anon": "grant table public.documents to anon",
    "grant select (title) on public.documents to anon": "grant column public.documents.title to anon",
    "grant execute on function public.rpc_flip_release(text) to anon":
        "grant function public.rpc_flip_release(p_model text) to anon",
    "grant usage on schema private to anon": "grant schema private to anon",
    "revoke select on public.plans from anon": "grant table public.plans to anon",
    "alter publication supabase_realtime add table public.plans":
        "publication supabase_realtime of public.plans",
}  # fmt: skip


@pytest.mark.parametrize(("change", "subject"), CHANGES.items())
def test_every_kind_of_change_is_seen(database, change, subject):
    before = facts(database)
    database.execute(change)
    found = {difference.subject: difference for difference in compare(before, facts(database))}
    assert subject in found
    assert found[subject].sides
    assert found[subject].remedy


def test_what_extensions_and_the_platform_own_is_no_fact(database):
    names = " ".join(name for _, name in facts(database))
    assert "vector_in" not in names
    assert "supabase_admin" not in names
    assert not any(name.startswith(("auth.", "cron.", "extensions.")) for _, name in facts(database))


def test_what_the_owner_is_called_is_no_difference(database):
    before = facts(database)
    database.execute("create role another_owner superuser")
    try:
        (name,) = database.execute("select quote_ident(current_database())").fetchone()
        database.execute(f"alter database {name} owner to another_owner")
        for kind, named in (("table", "public.plans"), ("function", "private.is_member(uuid)")):
            database.execute(f"alter {kind} {named} owner to another_owner")
        assert compare(before, facts(database)) == ()
        database.execute("alter table public.documents owner to service_role")
        assert "table public.documents" in [d.subject for d in compare(before, facts(database))]
    finally:
        database.execute(
            f"alter database {name} owner to postgres; reassign owned by another_owner to postgres"
        )
        database.execute("drop owned by another_owner; drop role another_owner")


def test_layout_is_no_difference(database):
    body = "create function public.f() returns int language sql as $$\n  select 1;{}\n$$"
    database.execute(body.format(""))
    before = facts(database)
    database.execute(body.format("   ").replace("create", "create or replace"))
    assert compare(before, facts(database)) == ()


def test_long_definitions_are_shown_by_the_lines_that_differ():
    project = "\n".join(f"line {n}" for n in range(100))
    (difference,) = compare(
        {("function", "f()"): project}, {("function", "f()"): project.replace("line 50", "changed")}
    )
    assert difference.sides == "project (-) and live (+) differ:\n-line 50\n+changed"


def test_what_was_compared_is_counted_on_both_sides():
    drift = Drift({("grant", "a"): "select", ("table", "t"): "table"}, {("grant", "b"): "select"})
    assert drift.compared("grant") == 0
    assert len(drift.differences("grant")) == 2
