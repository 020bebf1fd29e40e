"""The worlds of healthy projects have a row of everything, twice, and lift nothing."""

from __future__ import annotations

import psycopg
import pytest

from shipworthy.probes.postgres.access.description import describe
from shipworthy.probes.postgres.access.model import A, B

from .built import assert_isomorphic, project_of

CLEAN = ("single_user", "organizations", "public_catalogue", "reference")
NOBODYS = {
    "single_user": set(),
    "organizations": set(),
    "public_catalogue": {"public.categories", "public.products", "public.prices"},
    "reference": {"public.plans", "public.feature_flags", "public.model_artifacts", "public.model_releases"},
}


@pytest.mark.parametrize("name", CLEAN)
def test_every_table_of_a_clean_schema_has_its_rows_and_nothing_is_lifted(build, name):
    built = build(project=project_of(name))
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert not worlds.missing
    assert not worlds.lifted
    assert {row.table for row in worlds.rows if not row.world} - {"storage.buckets"} == NOBODYS[name]
    assert all(table in describe(worlds) for table in worlds.by_table)


@pytest.mark.parametrize("name", CLEAN)
def test_a_stranger_has_nothing_in_either_world(build, name):
    worlds = build(project=project_of(name)).worlds

    strangers = {str(person.user) for person in (worlds.people.stranger, worlds.people.anonymous)}
    assert not [row for row in worlds.rows if strangers & set(row.values.values())]


def test_members_read_their_own_rows_and_not_the_other_worlds(build):
    built = build(project=project_of("organizations"))
    people = built.worlds.people

    for table in ("public.organizations", "public.projects", "public.tasks", "public.comments"):
        assert built.tokens(table, A)
        assert built.reads(people.member, table) == built.tokens(table, A)
        assert built.reads(people.admin, table) == built.tokens(table, A)
        assert built.reads(people.both, table) == built.tokens(table, A) | built.tokens(table, B)
        assert built.reads(people.stranger, table) == set()
        assert built.reads(people.former, table) == set()


def test_an_admin_has_the_highest_rank_and_a_member_the_least(build):
    built = build(project=project_of("organizations"))
    people = built.worlds.people

    roles = {row.person: row.values["role"] for row in built.worlds.of("public.memberships", A)}
    assert roles[str(people.admin.user)] == "owner"
    assert roles[str(people.member.user)] == "viewer"
    assert built.reads(people.admin, "public.audit_log") == built.tokens("public.audit_log", A)
    assert built.reads(people.member, "public.audit_log") == set()


def test_profiles_that_sign_up_makes_are_taken_over(build):
    built = build(project=project_of("single_user"))
    people = built.worlds.people

    profiles = built.worlds.of("public.profiles", A)
    assert {row.person for row in profiles} == {str(people.admin.user), str(people.member.user)}
    assert built.reads(people.member, "public.todos") == built.tokens("public.todos", A, people.member)


def test_a_catalogue_belongs_to_nobody_and_stands_on_both_sides(build):
    built = build(project=project_of("public_catalogue"))
    worlds = built.worlds

    assert {row.values["is_published"] for row in worlds.of("public.products", "")} == {"true", "false"}
    assert len(built.reads(worlds.people.anon, "public.products")) == 1
    assert {row.world for row in worlds.by_table["public.order_items"]} == {A, B}
    # A price of a product that is published, and one of a product that is not.
    assert len(built.reads(worlds.people.anon, "public.prices")) == 1
    assert len(worlds.of("public.prices", "")) == 2


def test_materialized_views_show_the_rows(build):
    built = build(project=project_of("public_catalogue"))

    assert built.connection.execute("select count(*) from reporting.sales").fetchone() != (0,)


def test_objects_lie_where_the_policies_look_for_them(build):
    single = build(project=project_of("single_user"))
    objects = single.tokens("storage.objects", A, single.worlds.people.member)
    assert single.reads(single.worlds.people.member, "storage.objects") == objects
    assert objects

    organizations = build(project=project_of("organizations"))
    people = organizations.worlds.people
    assert organizations.reads(people.member, "storage.objects") == organizations.tokens("storage.objects", A)
    assert organizations.reads(people.stranger, "storage.objects") == set()


def test_the_former_member_was_one(build):
    built = build(project=project_of("organizations"))

    user = built.worlds.people.former.user
    count = built.connection.execute("select count(*) from public.memberships where user_id = %s", [user])
    assert count.fetchone() == (0,)
    # The log of the organizations recorded both that they came and that they went.
    seen = built.connection.execute(
        "select action from public.audit_log where details ->> 'user_id' = %s order by id", [str(user)]
    )
    assert [action for (action,) in seen] == ["INSERT", "DELETE"]


def test_a_server_that_goes_away_is_no_crash(build, scratch):
    from shipworthy.errors import ProbeError
    from shipworthy.probes.postgres.access.schema import read_schema
    from shipworthy.probes.postgres.access.worlds import build_worlds

    dsn = scratch.clone(scratch.platform())
    with psycopg.connect(dsn, autocommit=True) as connection:
        schema = read_schema(connection, ["public"])
        scratch.drop(dsn)
        with pytest.raises(ProbeError):
            build_worlds(connection, schema)
