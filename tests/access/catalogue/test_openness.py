"""An expression that lets everyone through is known as one, however it is written, and no other is."""

import pytest

from shipworthy.probes.postgres.openness import Stranger, compared_with_itself, lets_through

FOR_ALL = [
    "true",
    "(1 = 1)",
    "('t'::text)::boolean",
    "(NOT false)",
    "(id = id)",
    "(id IS NOT NULL)",
    "((note IS NULL) OR (note IS NOT NULL))",
    "((note = 'a'::text) OR (NOT (note = 'a'::text)))",
    "((owner_id = auth.uid()) OR true)",
    "(EXISTS ( SELECT 1))",
    "(auth.role() = ANY (ARRAY['anon'::text, 'authenticated'::text]))",
    "CASE WHEN (note = 'a'::text) THEN true ELSE true END",
]
FOR_USERS = [
    "(auth.uid() IS NOT NULL)",
    "(( SELECT auth.uid() AS uid) IS NOT NULL)",
    "(auth.role() = 'authenticated'::text)",
    "(( SELECT auth.role() AS role) = 'authenticated'::text)",
    "((auth.jwt() ->> 'role'::text) = 'authenticated'::text)",
    "(CURRENT_USER = 'authenticated'::name)",
    "((owner_id = auth.uid()) OR (auth.uid() IS NOT NULL))",
]
FOR_SOME = [
    "",
    "false",
    "(owner_id = auth.uid())",
    "((auth.uid() IS NOT NULL) AND (owner_id = auth.uid()))",
    "(note IS NOT NULL)",
    "(note = 'published'::text)",
    "(auth.role() = 'service_role'::text)",
    "(CURRENT_DATE = '2026-01-01'::date)",
    "(EXISTS ( SELECT 1 FROM public.members m WHERE (m.user_id = auth.uid())))",
    "private.is_member(organization_id)",
    "(id IS DISTINCT FROM id)",
    "not sql at all (",
]


@pytest.mark.parametrize("expression", FOR_ALL)
def test_what_is_true_for_everyone_is_known(expression):
    assert lets_through(expression, "anon", not_null=["id"])
    assert lets_through(expression, "authenticated", not_null=["id"])


@pytest.mark.parametrize("expression", FOR_USERS)
def test_what_only_asks_for_a_sign_in_is_true_for_users_alone(expression):
    assert not lets_through(expression, "anon", not_null=["id"])
    assert lets_through(expression, "authenticated", not_null=["id"])


@pytest.mark.parametrize("expression", FOR_SOME)
def test_what_limits_anything_is_true_for_nobody_by_itself(expression):
    assert not lets_through(expression, "anon", not_null=["id"])
    assert not lets_through(expression, "authenticated", not_null=["id"])


def test_a_column_compared_with_itself_is_found_in_subqueries_and_nothing_else_is():
    captured = (
        "(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.team_id = m.team_id) AND (m.id = auth.uid()))))"
    )
    assert compared_with_itself(captured) == ("m.team_id = m.team_id",)
    assert compared_with_itself("(id = id)") == ("id = id",)
    assert compared_with_itself("(EXISTS ( SELECT 1 FROM t a JOIN t b ON ((a.id = b.id))))") == ()
    assert compared_with_itself("") == ()


def test_a_stranger_is_asked_what_no_tree_can_tell(made):
    stranger = Stranger(
        made("""
        create function public.signed_in() returns boolean language plpgsql stable set search_path = '' as
          $$ begin return coalesce(auth.uid()::text, '') <> ''; end $$;
        create function public.never() returns boolean language plpgsql set search_path = '' as
          $$ begin raise exception 'no'; end $$;
        create table public.notes (id int);
        create function public.notes_there() returns boolean language sql security definer
          set search_path = '' as $$ select exists (select from public.notes) $$;
        """)
    )
    assert stranger("public.signed_in()", "authenticated")
    assert not stranger("public.signed_in()", "anon")
    assert not stranger("public.never()", "authenticated")
    assert not stranger("public.notes_there()", "authenticated")
    assert not stranger("(owner_id = auth.uid())", "authenticated")
    assert not stranger.gave_up


def test_a_stranger_changes_nothing_and_waits_for_nobody(made):
    connection = made("""
        create table public.calls (n int);
        grant insert on public.calls to authenticated;
        create function public.counts() returns boolean language sql as
          $$ insert into public.calls values (1) returning true $$;
        create function public.sleeps() returns boolean language sql as
          $$ select pg_catalog.pg_sleep(60) is not null $$;
        """)
    stranger = Stranger(connection)
    assert stranger("public.counts()", "authenticated")
    assert not stranger("public.sleeps()", "authenticated")
    assert connection.execute("select count(*) from public.calls").fetchone() == (0,)
