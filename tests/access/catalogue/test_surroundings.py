"""What is open in Storage, Realtime, audit tables, secrets and the API is told from what is meant."""

import pytest

from shipworthy.probes.postgres.api_settings import graphql_leaks, internal_by_name, introspected_schemas
from shipworthy.probes.postgres.audit_tables import changed_by, read_audit_tables
from shipworthy.probes.postgres.buckets import (
    Bucket,
    configured_buckets,
    object_policies,
    read_buckets,
    strangers_objects,
)
from shipworthy.probes.postgres.exposure import exposed_relations, project_functions
from shipworthy.probes.postgres.policies import read_policies
from shipworthy.probes.postgres.realtime import read_published_tables
from shipworthy.probes.postgres.secret_columns import open_secrets, read_secret_columns

BUCKETS = """
insert into storage.buckets (id, name, public) values ('files', 'files', false), ('logos', 'logos', true);
"""


@pytest.mark.parametrize(
    ("policy", "strangers"),
    [
        ("for select to authenticated using (bucket_id = 'files')", True),
        ("for select to authenticated using (bucket_id = 'files' and auth.role() = 'authenticated')", True),
        ("for delete to authenticated using (bucket_id = any (array['logos']))", True),
        ("for insert to anon with check (bucket_id = 'logos')", True),
        ("for insert to authenticated with check (bucket_id = 'files')", False),
        ("for select using (bucket_id = 'logos')", False),
        ("for select using (bucket_id = 'made in the dashboard')", False),
        ("using (bucket_id = 'files' and auth.role() = 'service_role')", False),
        (
            "for update to authenticated using (bucket_id = 'files' and owner_id = auth.uid()::text)",
            False,
        ),
        (
            "using (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text)",
            False,
        ),
        ("for select to authenticated using (bucket_id = 'files' and public.may_read(bucket_id))", False),
    ],
)
def test_policies_on_the_objects_of_others_are_found(made, policy, strangers):
    connection = made(
        BUCKETS + "create function public.may_read(text) returns boolean language sql as 'select true';"
        f'create policy "p" on storage.objects {policy};'
    )
    found = strangers_objects(object_policies(read_policies(connection)), frozenset({"files"}))
    assert bool(found) == strangers


def test_adding_anywhere_touches_others_where_the_place_says_whose_an_object_is(made):
    connection = made(
        BUCKETS + "create policy adds on storage.objects for insert to authenticated"
        " with check (bucket_id = 'files');"
        "create policy reads on storage.objects for select to authenticated"
        " using (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text);"
    )
    found = strangers_objects(object_policies(read_policies(connection)), frozenset({"files"}))
    assert [policy.policy.name for policy in found] == ["adds"]


def test_buckets_of_the_configuration_go_over_those_of_the_database(made):
    there = read_buckets(made(BUCKETS + "update storage.buckets set file_size_limit = 1 where id = 'logos';"))
    config = {
        "storage": {"buckets": {"files": {"public": True, "allowed_mime_types": ["image/png"]}, "new": {}}}
    }
    assert configured_buckets(config, there) == (
        Bucket("files", public=True, limited=False, typed=True),
        Bucket("logos", public=True, limited=True, typed=False),
        Bucket("new", public=False, limited=False, typed=False),
    )


def test_published_tables_say_who_may_receive_them_and_whether_rows_can_be_named(made):
    connection = made("""
        create table public.open (id int primary key);
        create table public.closed (id int primary key);
        create table public.fine (id int primary key);
        create table public.nameless (id int);
        alter table public.closed enable row level security;
        alter table public.fine enable row level security;
        alter table public.nameless replica identity full;
        create policy p on public.fine for select to authenticated using (id = 1);
        alter publication supabase_realtime
          add table public.open, public.closed, public.fine, public.nameless;
        """)
    tables = read_published_tables(connection)
    facts = {table.name: (table.row_security, table.for_users, table.identified) for table in tables}
    assert facts == {
        "public.open": (False, False, True),
        "public.closed": (True, False, True),
        "public.fine": (True, True, True),
        "public.nameless": (False, False, True),
    }


def test_audit_tables_are_known_by_name_and_by_trigger(made):
    connection = made("""
        create table public.audit_logs (id int primary key, who uuid);
        create table public.decisions (id int primary key);
        create table public.order_history (id int primary key);
        alter table public.audit_logs enable row level security;
        create policy own on public.audit_logs to authenticated using (who = auth.uid());
        create function public.refuse() returns trigger language plpgsql as
          $$ begin raise exception 'append only'; end $$;
        create trigger keep before update or delete on public.decisions
          for each row execute function public.refuse();
        """)
    tables = {table.name: table for table in read_audit_tables(connection)}
    policies = read_policies(connection)
    assert set(tables) == {"public.audit_logs", "public.decisions"}
    assert {command for _, command, _ in changed_by(tables["public.audit_logs"], policies)} == {
        "update",
        "delete",
    }
    assert changed_by(tables["public.decisions"], policies) == ()


@pytest.mark.parametrize(
    ("policy", "readers"),
    [
        ("to authenticated using (true)", {"authenticated"}),
        ("to authenticated using (shared)", {"authenticated"}),
        ("using (shared)", {"anon", "authenticated"}),
        ("to authenticated using (user_id = (select auth.uid()))", set()),
        ("to authenticated using (public.is_mine(user_id))", set()),
        ("to service_role using (true)", set()),
    ],
)
def test_secrets_that_are_not_for_their_owner_only_are_found(made, policy, readers):
    connection = made(
        "create table public.models (id int, user_id uuid, shared boolean, api_key text, api_key_hint text,"
        " password_hash text, max_tokens int, public_key text, access_token uuid);"
        "alter table public.models enable row level security;"
        "create function public.is_mine(uuid) returns boolean language sql as 'select $1 = auth.uid()';"
        f"create policy p on public.models for select {policy};"
    )
    columns = read_secret_columns(connection, ["public"])
    assert [column.column for column in columns] == ["api_key"]
    found = open_secrets(columns, read_policies(connection), project_functions(connection, ["public"]))
    assert {role for roles in found.values() for role in roles} == readers


def test_introspection_counts_where_it_was_switched_on(made):
    connection = made(
        "create table public.notes (id int); alter table public.notes enable row level security;"
    )
    relations, policies = exposed_relations(connection, ["public"]), read_policies(connection)
    assert introspected_schemas(connection, ["public"]) == ()
    connection.execute(
        """comment on schema public is '@graphql({"inflect_names": true, "introspection": true})'"""
    )
    assert introspected_schemas(connection, ["public"]) == ("public",)
    assert graphql_leaks("public", relations, policies) == ("public.notes",)


def test_internal_schemas_are_known_by_their_names():
    assert all(map(internal_by_name, ["private", "internal", "app_private", "_helpers", "admin"]))
    assert not any(map(internal_by_name, ["public", "api", "shop", "administration", "privatebank"]))
