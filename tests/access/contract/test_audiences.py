"""Audiences are read off what was reached, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipworthy.probes.postgres.access.audience import words
from shipworthy.probes.postgres.access.audiences import read_audiences

from .conftest import DRAFT, PUBLISHED


def access(made, table, command="select"):
    return words(made.measured.relations[table].access[command])


def test_a_table_that_nobody_reached_is_nobodys(made):
    made.table("public.jobs")

    assert {access(made, "public.jobs", command) for command in ("select", "insert", "update", "delete")} == {
        "nobody"
    }


def test_what_anon_reads_is_everyones(made):
    made.table("public.plans")
    for persona in ("anon", "stranger", "member", "admin"):
        made.reached("public.plans", "select", persona, 1, 1)

    assert access(made, "public.plans") == "everyone"


def test_what_a_stranger_reads_is_every_users(made):
    made.table("public.flags")
    for persona in ("stranger", "member"):
        made.reached("public.flags", "select", persona, 1, 1)

    assert access(made, "public.flags") == "users"


def test_rows_of_the_world_are_the_members(made):
    made.table("public.documents")
    made.reached("public.documents", "select", "member", 1)
    made.reached("public.documents", "delete", "admin", 1)

    assert access(made, "public.documents") == "members"
    assert access(made, "public.documents", "delete") == "admins"
    assert access(made, "public.documents", "update") == "nobody"


def test_rows_tied_to_oneself_are_their_owners(made):
    made.table("public.conversations", people=("member", "admin"))
    made.reached("public.conversations", "select", "member", 1)
    made.reached("public.conversations", "select", "admin", 1)

    assert access(made, "public.conversations") == "owner"


def test_admins_who_reach_what_members_own_are_named_beside_the_owner(made):
    made.table("public.reports", people=("member", "admin"))
    made.reached("public.reports", "select", "member", 1)
    made.reached("public.reports", "select", "admin", 2)

    assert access(made, "public.reports") == "admins, owner"


def test_an_opening_is_said_with_its_side(made):
    made.table("public.posts", people=("member", "admin"), sides=(DRAFT, PUBLISHED))
    for persona in ("anon", "stranger"):
        made.reached("public.posts", "select", persona, 2, 2, opened_by=str(PUBLISHED))
    made.reached("public.posts", "select", "member", 3, 2)

    assert access(made, "public.posts") == "everyone when status = 'published', owner"


@pytest.mark.parametrize(("rows", "whose"), [(1, "owner"), (2, "members")])
def test_views_go_by_how_much_of_their_world_was_seen(made, rows, whose):
    made.reached("public.overview", "select", "member", rows)

    assert access(made, "public.overview") == whose


def test_a_row_that_strangers_may_add_for_themselves_is_its_owners(made):
    made.table("public.profiles", people=("member",))
    made.reached("public.profiles", "insert", "stranger", 1)
    made.reached("public.profiles", "insert", "member", 1)

    assert access(made, "public.profiles", "insert") == "owner"


def test_what_members_reach_of_the_other_world_has_no_audience_and_is_said(made):
    made.table("public.documents")
    made.reached("public.documents", "select", "member", 1, 1)

    relation = made.measured.relations["public.documents"]

    assert words(relation.access["select"]) == "members"
    assert relation.crossing == ("member can select 1 rows of the other world",)


def test_an_opening_through_a_parent_is_told_from_what_a_member_owns(made):
    shared = "public.chats.sharing = 'other'"
    made.table("public.messages", people=("member", "admin"), sides=(DRAFT, PUBLISHED))
    made.reached("public.messages", "select", "stranger", 0, 4, opened_by=shared)
    made.reached("public.messages", "select", "member", 3, 2)

    assert access(made, "public.messages") == f"users when {shared}, owner"


def test_a_row_added_in_ones_own_name_is_its_owners_wherever_it_hangs(made):
    made.table("public.files", people=("member", "admin"))
    made.reached("public.files", "insert", "stranger", 0, 1)
    made.cells = [replace(cell, case="in the own name") for cell in made.cells]

    assert access(made, "public.files", "insert") == "owner"


def test_rows_of_someone_that_every_user_reads_are_doubtful(made):
    made.table("public.documents")
    made.table("public.plans")
    made.owned.discard("public.plans")
    for table in ("public.documents", "public.plans"):
        made.reached(table, "select", "stranger", 1, 1)

    assert made.measured.relations["public.documents"].doubts == ("users can read rows of others",)
    assert made.measured.relations["public.plans"].doubts == ()


def test_a_view_that_shows_no_row_is_nobodys_and_unproven(made):
    found = read_audiences(made.matrix, made.worlds, {"public.report": "view"})["public.report"]

    assert {words(audiences) for audiences in found.access.values()} == {"nobody"}
    assert found.unproven["select"] == "it shows no row of either world"
