"""What was reached is held against the contract, or against the rules that hold without one."""

from __future__ import annotations

import pytest

from shipworthy.probes.postgres.access.contract import Contract
from shipworthy.probes.postgres.access.intent import Intent
from shipworthy.probes.postgres.access.model import OTHER, OWN, SELF, AccessMatrix

from .conftest import PUBLISHED, Made

OPENED = str(PUBLISHED)
WORLDS = Made().worlds
DECLARED = f"""
[tables]
"public.plans" = {{ read = "everyone" }}
"public.flags" = {{ read = "users" }}
"public.documents" = {{ read = "members", write = "members", delete = "admins" }}
"public.posts" = {{ read = ["owner", "everyone when {OPENED}"], write = "owner" }}
"""


@pytest.fixture
def declared(contract):
    return Intent(contract(DECLARED), AccessMatrix(()), WORLDS)


@pytest.mark.parametrize(
    ("relation", "command", "persona", "scope", "opened_by", "meant"),
    [
        ("public.plans", "select", "anon", OTHER, "", True),
        ("public.plans", "update", "member", OWN, "", False),
        ("public.flags", "select", "anon", OWN, "", False),
        ("public.flags", "select", "stranger", OWN, "", True),
        ("public.documents", "select", "member", OWN, "", True),
        ("public.documents", "select", "member", OTHER, "", False),
        ("public.documents", "select", "stranger", OTHER, "", False),
        ("public.documents", "upsert", "member", OWN, "", True),
        ("public.documents", "move", "member", OTHER, "", False),
        ("public.documents", "delete", "member", OWN, "", False),
        ("public.documents", "delete", "admin", OWN, "", True),
        ("public.documents", "truncate", "admin", OWN, "", False),
        ("public.posts", "select", "anon", OTHER, OPENED, True),
        ("public.posts", "select", "anon", OTHER, "", False),
        ("public.posts", "select", "anon", OTHER, "status = 'draft'", False),
        ("public.posts", "raise", "member", SELF, "", False),
        ("public.documents", "truncate", "service_role", OTHER, "", True),
    ],
)
def test_the_contract_says_what_is_meant(declared, relation, command, persona, scope, opened_by, meant):
    assert declared.allows(relation, command, persona, scope, opened_by) is meant


def test_without_a_contract_only_what_strangers_read_too_crosses(made):
    made.table("public.posts", sides=(PUBLISHED,))
    for persona in ("anon", "member"):
        made.reached("public.posts", "select", persona, 1, 1, opened_by=OPENED)
    intent = Intent(Contract(), made.matrix, made.worlds)

    assert intent.allows("public.posts", "select", "member", OTHER, OPENED)
    assert not intent.allows("public.posts", "select", "member", OTHER)
    assert not intent.allows("public.posts", "update", "member", OTHER, OPENED)


def test_an_opening_that_no_stranger_reads_is_none(made):
    made.table("public.posts", sides=(PUBLISHED,))
    made.reached("public.posts", "select", "member", 1, 1, opened_by=OPENED)

    assert not Intent(Contract(), made.matrix, made.worlds).allows(
        "public.posts", "select", "member", OTHER, OPENED
    )


def test_a_table_that_the_contract_does_not_name_goes_by_the_built_in_rules(declared):
    assert declared.allows("public.other", "select", "member", OWN)
    assert not declared.allows("public.other", "select", "member", OTHER)
    assert not declared.allows("public.other", "insert", "anon", OWN)


def test_what_is_declared_and_not_reached_is_judged_denied(made, contract):
    made.table("public.documents")
    made.reached("public.documents", "select", "admin", 1)
    intent = Intent(contract('[tables]\n"public.documents" = { read = "members" }'), made.matrix, made.worlds)

    judged = {
        (cell.persona, cell.scope): intent.judge(cell)
        for cell in made.matrix.tried("public.documents", "select")
    }

    assert {place for place, said in judged.items() if said} == {("member", OWN)}
    assert judged["member", OWN] == "denied"


def test_what_belongs_to_nobody_is_changed_by_no_user_unless_it_is_declared(made, contract):
    made.table("public.flags")
    made.owned.clear()
    made.reached("public.flags", "update", "member", 1)
    (cell,) = (c for c in made.cells if c.reached)

    assert Intent(Contract(), made.matrix, made.worlds).judge(cell) == "open"
    declared = contract('[tables]\n"public.flags" = { update = "users" }')
    assert Intent(declared, made.matrix, made.worlds).judge(cell) == ""
