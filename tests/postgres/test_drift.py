"""Drift is what differs, and nothing else."""

from __future__ import annotations

import re

import pytest

from shipworthy.probes.postgres.catalogue import Catalogue, read_catalogue
from shipworthy.probes.postgres.declared import pinned_extensions
from shipworthy.probes.postgres.drift import compare, measure_drift
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed
from shipworthy.probes.postgres.remedies import statement
from shipworthy.probes.postgres.scratch import connect_scratch
from shipworthy.probes.postgres.tolerance import exposes_by_itself


def facts(connection):
    connection.execute("set search_path = ''")
    return read_catalogue(connection, surroundings=True)


@pytest.fixture(scope="module")
def workplace(scratch, migrated):
    dsn = scratch.clone(migrated)
    with connect_scratch(dsn) as connection:
        yield connection
    scratch.drop(dsn)


@pytest.fixture(scope="module")
def before(workplace):
    """The facts of the migrated database, before anything is changed."""
    return facts(workplace)


@pytest.fixture
def database(workplace):
    """The reference project, migrated and seeded; what a test does to it is undone."""
    with workplace.transaction(force_rollback=True):
        yield workplace


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
    "alter publication supabase_realtime set (publish = 'insert')": "publication supabase_realtime",
    "alter table public.plans alter column tier set storage external": "column public.plans.tier",
    "alter table public.plans set (fillfactor = 70)": "table public.plans",
    "alter table public.plans replica identity full": "replica identity public.plans",
    "alter default privileges in schema public grant execute on functions to anon":
        "default privileges for functions in public to anon",
    "alter default privileges revoke execute on functions from public":
        "default privileges for functions in every schema to public",
    "create statistics public.s on price_eur, max_documents from public.plans": "statistics public.s",
    "create rule r as on insert to public.plans do also nothing": "rule public.plans.r",
    "create type public.span as range (subtype = int)": "type public.span",
    "create type public.pair as (a int, b text)": "type public.pair",
    "alter table public.plans drop constraint plans_price_eur_check,"
    " add constraint plans_price_eur_check check (price_eur >= 0) not valid":
        "constraint public.plans.plans_price_eur_check",
    "update pg_index set indisvalid = false where indexrelid = 'public.members_user_idx'::regclass":
        "index public.members.members_user_idx",
    "alter table public.documents enable always trigger documents_touch_updated_at":
        "trigger public.documents.documents_touch_updated_at",
    "alter function private.is_member(uuid) owner to supabase_admin": "function private.is_member(org uuid)",
    "alter function private.is_member(uuid) strict cost 9 parallel safe":
        "function private.is_member(org uuid)",
    "grant select on auth.users to anon": "grant table auth.users to anon",
    """create collation public.c from "C\"""": "collation public.c",
    "create text search configuration public.words (copy = pg_catalog.simple)":
        "text search configuration public.words",
    "create publication everything for all tables": "publication everything",
    "alter sequence public.alerts_id_seq cache 9": "sequence public.alerts_id_seq",
    "create materialized view public.m as select 1 as one": "view public.m",
    "create foreign data wrapper w; create server far foreign data wrapper w options (host 'h')":
        "foreign server far",
}  # fmt: skip


@pytest.mark.parametrize(("change", "subject"), CHANGES.items())
def test_every_kind_of_change_is_seen_and_undone_by_its_remedy(database, before, change, subject):
    database.execute(change)
    found = {difference.subject: difference for difference in compare(before, facts(database))}
    assert subject in found
    assert found[subject].sides
    assert found[subject].remedy
    for difference in found.values():
        sql = statement(difference.kind, difference.name, difference.project, difference.live)
        for part in (sql or "").split("; "):
            # Every test is one transaction, in which nothing can be done concurrently.
            database.execute(re.sub(" concurrently", "", part, flags=re.IGNORECASE).encode())
        if sql:
            assert difference.subject not in [d.subject for d in compare(before, facts(database))], sql


FOLLOWING = {
    "create table public.copy as select * from public.members; grant select on public.copy to anon;"
    " create policy p on public.copy using (true); create index on public.copy (role)": "table public.copy",
    "alter table public.documents drop column organization_id cascade":
        "column public.documents.organization_id",
    "alter table public.alerts alter column id drop identity": "column public.alerts.id",
    "create schema old; create table old.a (id serial primary key); create view old.b as select * from old.a;"
    "create function old.f() returns int language sql return 1; grant usage on schema old to anon":
        "schema old",
    "drop function private.refuse_change() cascade": "function private.refuse_change()",
}  # fmt: skip


@pytest.mark.parametrize(("change", "subject"), FOLLOWING.items())
def test_what_follows_from_a_difference_is_part_of_it(database, before, change, subject):
    database.execute(change)
    ours = [d for d in compare(before, facts(database)) if not d.kind.startswith("policy")]
    assert [d.subject for d in ours] == [subject]
    assert "; with it " in ours[0].sides


def test_an_extension_takes_what_uses_it_along(database):
    before = facts(database)
    database.execute("drop extension vector cascade")
    (difference,) = compare(before, facts(database))
    assert difference.subject == "extension vector"


def test_versions_of_extensions_count_only_where_a_migration_pins_them(database, make_project):
    pinned = make_project(**{"migrations/1_a.sql": "create extension vector version '0.5.0'"})
    here = facts(database)
    pins = pinned_extensions(pinned)
    assert pins == {"vector": "0.5.0"}
    assert measure_drift(here, here).found == ()
    (difference,) = measure_drift(here, here, pins=pins).differences("extension version")
    assert "0.5.0" in difference.sides
    assert "alter extension vector update to '0.5.0'" in difference.remedy


def test_the_two_defaults_of_the_platform_are_no_drift(scratch, make_project):
    project = make_project(
        **{"migrations/1_a.sql": "create table public.notes (id int); grant select on public.notes to anon;"}
    )
    sides = []
    for auto_expose in (True, False):
        dsn = scratch.clone(scratch.platform(auto_expose=auto_expose))
        with connect_scratch(dsn) as connection:
            apply_migrations(connection, project)
            sides.append(facts(connection))
        scratch.drop(dsn)
    older, newer = sides
    assert (exposes_by_itself(older), exposes_by_itself(newer)) == (True, False)
    kinds = {difference.kind for difference in compare(older, newer)}
    assert kinds == {"grant"}
    assert compare(newer, older, automatic=True) == ()


AUTOMATIC_RLS = """
create function public.rls_auto_enable() returns event_trigger language plpgsql as 'begin end';
create event trigger ensure_rls on ddl_command_end execute function public.rls_auto_enable();
grant execute on function public.rls_auto_enable() to anon;
alter table public.left_open enable row level security;
"""


def test_automatic_rls_is_the_platforms(empty):
    empty.execute("create table public.left_open (id int)")
    made = facts(empty)
    empty.execute(AUTOMATIC_RLS)
    assert compare(made, facts(empty)) == ()
    assert len(compare(facts(empty), made)) > 1


def test_a_hook_of_sign_in_that_may_not_be_called_is_drift(database, before):
    database.execute("grant execute on function private.is_member(uuid) to supabase_auth_admin")
    subject = "grant function private.is_member(org uuid) to supabase_auth_admin"
    assert [d.subject for d in compare(facts(database), before)] == [subject]
    assert compare(before, facts(database)) == ()


def test_an_older_projects_public_schema_is_no_drift(database, before):
    database.execute("grant create on schema public to public")
    assert compare(before, facts(database)) == ()


def test_what_one_side_only_stands_in_for_is_there(database):
    stood_in, real = (
        Catalogue({("extension", "pg_cron"): "stood in for"}),
        Catalogue({("extension", "pg_cron"): "in cron"}),
    )
    assert compare(stood_in, real) == compare(real, stood_in) == ()
    assert len(compare(stood_in, Catalogue({}))) == 1


def test_what_stand_ins_make_is_the_extensions(empty, make_project):
    sql = "create schema shop; create extension unaccent with schema shop; create extension http;"
    apply_migrations(empty, make_project(**{"migrations/1_a.sql": sql}))
    found = facts(empty)
    assert {"unaccent", "http"} <= {name for kind, name in found if kind == "extension"}
    kinds = {"function", "type", "table", "column"}
    assert [fact for fact in found if fact[0] in kinds] == []


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
        Catalogue({("function", "f()"): project}),
        Catalogue({("function", "f()"): project.replace("line 50", "changed")}),
    )
    assert difference.sides == "project (-) and live (+) differ:\n-line 50\n+changed"


def test_what_may_only_be_pending_is_applied_first():
    made = Catalogue({("table", "public.new"): "table owned by the project"})
    (difference,) = measure_drift(made, Catalogue({}), pending=True).found
    assert difference.remedy.startswith("`supabase db push` applies what is pending; if it still differs")
    (unknown,) = measure_drift(Catalogue({}), made, pending=True).found
    assert unknown.remedy.startswith("on live: `drop table public.new`")


def test_what_was_compared_is_counted_on_both_sides():
    drift = measure_drift(
        Catalogue({("grant", "a"): "select", ("table", "t"): "table"}), Catalogue({("grant", "b"): "select"})
    )
    assert drift.compared("grant") == 0
    assert len(drift.differences("grant")) == 2
