"""Functions are called with ids of others: what they hand out, change or let join is seen."""

from __future__ import annotations

import pytest

from fixtures.worlds import RpcCalls
from tests.access.proof.small_worlds import NOTES

DEFINER = "create function public.{} language sql security definer set search_path = '' as "
MEMBERS = {"stranger", "former", "member", "admin"}


def guilty(calls, what):
    return {(call.function.partition("(")[0], call.persona) for call in calls if getattr(call, what)}


@pytest.mark.parametrize(
    "function",
    [
        DEFINER.format("notes_of(p_org_id uuid) returns setof public.notes")
        + "'select n from public.notes n where n.org_id = p_org_id'",
        DEFINER.format("notes_of(uuid) returns jsonb")
        + "'select to_jsonb(array_agg(n)) from public.notes n'",
        DEFINER.format("notes_of(ids uuid[]) returns table (title text)")
        + "'select n.title from public.notes n where n.id = any (ids) or n.org_id = any (ids)'",
        DEFINER.format("notes_of(p_limit int default 5) returns text")
        + "'select string_agg(n.title, chr(10)) from public.notes n'",
    ],
    ids=["rows of an organization", "unnamed argument, JSON", "array of ids", "no id at all"],
)
def test_rows_of_others_that_come_back_are_seen(called, function):
    calls = called(NOTES, function)

    assert guilty(calls, "handed_out") == {("public.notes_of", who) for who in {"anon", *MEMBERS}}
    assert not guilty(calls, "changed")


def test_what_the_caller_may_read_anyway_is_no_finding(called):
    calls = called(
        NOTES,
        "create policy public on public.notes for select to anon, authenticated using (is_public);",
        DEFINER.format("shown() returns setof public.notes")
        + "'select n from public.notes n where n.is_public';",
        "create function public.own() returns setof public.notes language sql as"
        " 'select n from public.notes n'",
    )

    assert len(calls) == 10
    assert not guilty(calls, "handed_out")
    assert all(call.ran == call.calls for call in calls)


def test_what_a_trigger_copied_to_where_the_caller_reads_it_is_no_finding(called):
    calls = called(
        NOTES,
        "create table public.threads (id int generated always as identity, subject text, body text);"
        "insert into public.threads (subject) select 'About ' || title from public.notes;"
        "revoke all on public.threads from anon, authenticated;"
        "grant select (subject) on public.threads to authenticated;",
        DEFINER.format("subjects() returns setof text") + "'select title from public.notes'",
    )

    assert guilty(calls, "handed_out") == {("public.subjects", "anon")}


def test_what_was_passed_in_does_not_count_as_handed_out(called):
    calls = called(
        NOTES, "create function public.echo(p_org_id uuid) returns uuid language sql as 'select p_org_id'"
    )

    assert not guilty(calls, "handed_out")


def test_rows_of_others_that_change_are_seen(called):
    calls = called(
        NOTES,
        DEFINER.format("drop_note(note_id uuid) returns void")
        + "'delete from public.notes where id = note_id';",
        DEFINER.format("rename(p_org_id uuid, p_title text) returns int")
        + "'update public.notes set title = p_title where org_id = p_org_id; select 1'",
    )

    changed = guilty(calls, "changed")
    assert changed == {
        (name, who) for name in ("public.drop_note", "public.rename") for who in {"anon", *MEMBERS}
    }


def test_joining_a_tenant_by_naming_it_is_seen(called):
    calls = called(
        DEFINER.format("join_org(p_org_id uuid) returns void")
        + "'insert into public.members (org_id, user_id) values (p_org_id, (select auth.uid()))'"
    )

    assert guilty(calls, "changed") == {("public.join_org", who) for who in MEMBERS}


def test_a_function_that_checks_its_caller_is_clean(called):
    check = "and exists (select from public.members m where m.org_id = p_org_id and m.user_id = auth.uid())"
    calls = called(
        NOTES,
        DEFINER.format("notes_of(p_org_id uuid) returns setof public.notes")
        + f"'select n from public.notes n where n.org_id = p_org_id {check}';",
        DEFINER.format("clear(p_org_id uuid) returns void")
        + f"'delete from public.notes n where n.org_id = p_org_id {check}'",
    )

    assert not guilty(calls, "handed_out") | guilty(calls, "changed")
    assert all(call.owner_ran for call in calls)


def test_arguments_are_in_the_shapes_that_the_body_and_its_types_expect(called):
    calls = called(
        NOTES,
        "create type public.grade as enum ('low', 'high');"
        "create function public.grades(p_grade grade, p_sort text, p_from timestamptz, p_tags text[])"
        " returns text language plpgsql as $$ begin"
        "  if p_sort not in ('newest', 'oldest') then raise exception 'unknown order'; end if;"
        "  return p_grade; end $$;"
        "create function public.lines(p_items jsonb) returns bigint language plpgsql as $$ begin"
        "  if p_items -> 0 ->> 'quantity' is null then raise exception 'no quantity'; end if;"
        "  return (select sum((i ->> 'quantity')::int) from jsonb_array_elements(p_items) i); end $$;"
        "create function public.page(p_offset int) returns setof text language sql security definer"
        " set search_path = '' as 'select title from public.notes order by 1 offset p_offset'",
    )

    ran = {call.function.partition("(")[0] for call in calls if call.owner_ran}
    assert ran == {"public.grades", "public.lines", "public.page"}
    assert guilty(calls, "handed_out") == {("public.page", who) for who in {"anon", *MEMBERS}}


def test_functions_that_never_ran_are_named(called):
    calls = called(
        "create function public.never() returns int language plpgsql as"
        " $$ begin raise exception 'not today'; end $$;"
        "create function public.one() returns int language sql as 'select 1'"
    )

    assert RpcCalls(calls, ()).never_ran == ("public.never(): P0001 not today",)


def test_secrets_of_others_are_not_passed_in(called):
    calls = called(
        "create table public.invitations (id uuid primary key default gen_random_uuid(), token uuid,"
        "  org_id uuid references public.organizations, title text);"
        "alter table public.invitations enable row level security;"
        "insert into public.invitations (token, org_id, title)"
        "  select gen_random_uuid(), id, 'note-' || name from public.organizations;",
        DEFINER.format("invitation(p_token uuid) returns text")
        + "'select i.title from public.invitations i where i.token = p_token'",
    )

    assert not guilty(calls, "handed_out")


def test_functions_that_sleep_or_raise_are_said_to(called):
    calls = called(
        "create function public.dream() returns void language sql as 'select pg_sleep(30)';"
        "create function public.refuse() returns void language plpgsql as"
        " $$ begin raise exception 'no'; end $$;"
        "create function public.doubt() returns void language plpgsql as $$ begin assert false; end $$",
        attempt_s=0.2,
    )

    said = {call.function: call for call in calls}
    assert said["public.dream()"].unanswered
    assert said["public.refuse()"].saw.startswith("P0001")
    assert said["public.doubt()"].saw.startswith("P0004")
    assert not guilty(calls, "handed_out")


def test_a_function_that_ends_the_session_does_not_hide_the_next(called):
    calls = called(
        NOTES,
        DEFINER.format("ends() returns boolean") + "'select pg_terminate_backend(pg_backend_pid())';",
        DEFINER.format("shows() returns setof text") + "'select title from public.notes'",
    )

    assert {call.function for call in calls if call.unanswered} == {"public.ends()"}
    assert {call.saw for call in calls if call.unanswered} == {"57P01 it ended the session"}
    assert guilty(calls, "handed_out") == {("public.shows", who) for who in {"anon", *MEMBERS}}


def test_functions_that_nobody_may_execute_or_that_are_triggers_are_not_called(called):
    assert not called(
        "create function public.secret() returns int language sql as 'select 1';"
        "revoke execute on function public.secret from public, anon, authenticated;"
        "create function public.fires() returns trigger language plpgsql as 'begin return new; end'"
    )
