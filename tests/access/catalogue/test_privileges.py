"""Grants beyond the platform's own are told from what the platform gives in either of its worlds."""

import pytest

from shipworthy.probes.postgres.exposure import exposed_relations
from shipworthy.probes.postgres.privileges import (
    judged_default_privileges,
    past_policies,
    read_column_grants,
    read_default_privileges,
    read_grants,
    rows_by_choice,
)
from shipworthy.probes.postgres.roles import powerful_memberships, read_holdings, read_roles

TABLE = "create table public.notes (id int primary key, body text, secret text);"


def judged(connection, judge):
    defaults = read_default_privileges(connection)
    return {g.grantee: found for g in read_grants(connection) if (found := judge(g, defaults))}


@pytest.mark.parametrize("auto_expose", [True, False], ids=["old default", "new default"])
def test_what_the_platform_gives_is_nobodys_choice(made, auto_expose):
    connection = made(TABLE, auto_expose=auto_expose)
    assert judged(connection, past_policies) == {}
    assert judged(connection, rows_by_choice) == {}


def test_what_a_revoke_of_some_privileges_leaves_is_found_in_the_old_default(made):
    connection = made(TABLE + "revoke insert, update, delete on public.notes from anon;")
    assert judged(connection, past_policies) == {"anon": ("truncate", "references", "trigger", "maintain")}


def test_the_same_privileges_are_the_platforms_in_the_new_default(made):
    connection = made(TABLE + "grant select on public.notes to anon;", auto_expose=False)
    assert judged(connection, past_policies) == {}
    assert judged(connection, rows_by_choice) == {"anon": ("select",)}


def test_a_privilege_granted_by_name_is_found_where_nothing_comes_by_default(made):
    none = "alter default privileges in schema public revoke all on tables from anon, authenticated;"
    connection = made(none + TABLE + "grant truncate on public.notes to authenticated;")
    assert judged(connection, past_policies) == {"authenticated": ("truncate",)}


def test_revoking_what_postgres_before_17_has_is_enough(made):
    connection = made(
        TABLE + "revoke truncate, references, trigger on public.notes from authenticated, anon;"
    )
    assert judged(connection, past_policies) == {}


def test_columns_beside_the_whole_table_are_told_from_columns_alone(made):
    connection = made(
        TABLE + "grant select (id, body) on public.notes to anon;"
        "revoke update on public.notes from authenticated;"
        "grant update (body) on public.notes to authenticated;"
    )
    facts = {(g.grantee, g.privilege): (tuple(g.columns), g.on_table) for g in read_column_grants(connection)}
    assert facts == {
        ("anon", "select"): (("id", "body"), True),
        ("authenticated", "update"): (("body",), False),
    }


@pytest.mark.parametrize(
    ("sql", "auto_expose", "judgement"),
    [
        ("", True, ""),
        ("", None, ""),
        ("", False, ""),
        ("grant select on tables to anon", None, "beyond"),
        ("in schema public grant select on tables to public", None, "beyond"),
        ("in schema public grant select on tables to anon with grant option", None, "beyond"),
        ("in schema public grant select on tables to anon", False, "beyond"),
        ("in schema api grant select on tables to anon", None, "chosen"),
        ("in schema internal grant select on tables to anon", None, "beyond"),
        ("in schema internal grant select on tables to authenticated", None, "chosen"),
    ],
)
def test_defaults_are_judged_by_whom_and_where_they_open(made, sql, auto_expose, judgement):
    statement = f"alter default privileges for role postgres {sql};" if sql else ""
    connection = made(
        f"create schema api; create schema internal; {statement}", auto_expose=auto_expose is not False
    )
    judgements = {
        judged_default_privileges(default, ["public", "api"], auto_expose=auto_expose)
        for default in read_default_privileges(connection)
    }
    assert judgements - {""} == ({judgement} if judgement else set())


def test_the_platforms_roles_hold_nothing_that_is_reported(made):
    connection = made(TABLE)
    roles = read_roles(connection)
    known = {role.name: role for role in roles}
    assert {"anon", "authenticated", "authenticator"} <= set(known)
    assert [role.name for role in roles if role.powers and role.here and not role.platform] in (
        [],
        ["service_role"],
    )
    assert [
        powerful_memberships(known[name], known) for name in ("anon", "authenticated", "authenticator")
    ] == [()] * 3
    assert read_holdings(connection) == ()


def test_owners_and_makers_among_users_are_found(made):
    connection = made(
        TABLE + "alter table public.notes owner to anon; grant create on schema public to authenticated;"
    )
    held = {(h.role, h.object, h.how) for h in read_holdings(connection)}
    assert held == {
        ("anon", "table public.notes", "owns"),
        ("authenticated", "schema public", "may create in"),
    }


def test_schemas_of_the_platform_are_not_the_projects_even_where_they_are_exposed(made):
    relations = exposed_relations(made(TABLE), ["public", "storage", "auth"])
    assert [relation.name for relation in relations] == ["public.notes"]


def test_foreign_tables_are_told_from_tables_because_they_can_have_no_policies(made):
    connection = made(
        "create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing;"
        "create foreign table public.remote (id int) server nowhere;"
    )
    (relation,) = exposed_relations(connection, ["public"])
    assert (relation.kind, relation.users) == ("foreign table", ("anon", "authenticated"))
