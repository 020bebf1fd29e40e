"""A contract is read strictly: what it cannot mean is refused, all of it at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shipworthy.errors import TargetError
from shipworthy.probes.postgres.access.audience import Audience
from shipworthy.probes.postgres.access.contract import parse_contract, read_contract

HOUSE = Path(__file__).parents[3]


def problems(contract, text):
    with pytest.raises(TargetError) as caught:
        contract(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_project_without_a_contract_declares_nothing(tmp_path):
    contract = read_contract(tmp_path)

    assert not contract.in_force
    assert contract.source is None


def test_the_reference_projects_contract_is_in_force():
    assert read_contract(HOUSE / "supabase").in_force


def test_commands_that_are_not_mentioned_are_nobodys(contract):
    access = contract('[tables]\n"public.plans" = { read = "everyone" }').tables["public.plans"]

    assert access["select"] == {Audience("everyone")}
    assert [access[command] for command in ("insert", "update", "delete")] == [frozenset()] * 3


def test_write_stands_for_what_is_not_named_itself(contract):
    access = contract('[tables]\n"public.a" = { write = "admins", delete = "nobody" }').tables["public.a"]

    assert access["insert"] == access["update"] == {Audience("admins")}
    assert access["delete"] == frozenset()


def test_grouped_tables_have_the_groups_lines(contract):
    declared = contract('[[groups]]\ntables = ["public.a", "public.b"]\nread = ["owner", "admins"]')

    assert declared.tables["public.a"] == declared.tables["public.b"]
    assert declared.tables["public.a"]["select"] == {Audience("owner"), Audience("admins")}


@pytest.mark.parametrize(
    "text",
    ["everyone when is_public = true", "everyone  when is_public = 't'", "everyone when is_public = 'true'"],
)
def test_an_opening_means_the_same_however_its_value_is_spelled(contract, text):
    access = contract(f'[tables]\n"public.a" = {{ read = "{text}" }}').tables["public.a"]

    assert access["select"] == {Audience("everyone", "is_public = 'true'")}


def test_a_row_template_alone_declares_no_access(contract):
    declared = contract('[tables."public.odd".row]\ncode = "AB-1"\nsize = 3\nactive = true')

    assert not declared.in_force
    assert declared.rows == {"public.odd": {"code": "'AB-1'", "size": "'3'", "active": "'true'"}}


def test_a_group_and_a_row_template_go_together(contract):
    declared = contract(
        '[tables."public.odd".row]\ncode = "AB-1"\n[[groups]]\ntables = ["public.odd"]\nread = "users"'
    )

    assert declared.tables["public.odd"]["select"] == {Audience("users")}
    assert declared.rows["public.odd"] == {"code": "'AB-1'"}


def test_every_problem_is_reported_at_once_with_what_was_meant(contract):
    found = problems(
        contract,
        """
[tables]
plans = { raed = "everyone" }
"public.posts" = { read = ["ownr", "nobody"] }
[[groups]]
tables = ["public.posts"]
[[groups]]
read = "users"
[functions]
"public.f" = "members"
[claimz]
""",
    )

    assert found == [
        'tables."plans".raed: unknown key; did you mean read?',
        'tables."plans": \'plans\' names no schema; write "public.plans"',
        (
            "tables.\"public.posts\".read: 'ownr' is no audience; did you mean owner?;"
            " an opening is written everyone when column = 'value'"
        ),
        'tables."public.posts".read: "nobody" beside others; leave it out, or the others',
        "groups[0]: public.posts is declared twice; declare each table once",
        'groups[1].tables: no list of names; write tables = ["public.a", "public.b"]',
        (
            'functions."public.f": "members" cannot be said of a function; one of everyone, users, nobody:'
            " only the role decides who may execute it"
        ),
        "claimz: unknown key; did you mean claims?",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "tables = 3\nversion = 1",
        "groups = 3\nversion = 1",
        '[tables]\n"public.a" = "users"',
        '[tables]\n"public.a" = { read = 3 }',
        '[tables]\n"public.a" = { read = "everyone whenever" }',
        '[tables."public.a".row]\nx = [1]',
        "version = 2",
        "version",
        "",
    ],
)  # fmt: skip
def test_what_is_no_contract_is_refused_with_the_file_named(text, tmp_path):
    with pytest.raises(TargetError, match=r"access\.toml: \d problem"):
        parse_contract(text, tmp_path / "access.toml")


def test_functions_are_told_apart_by_their_types_however_they_are_spaced(contract):
    declared = contract('[functions]\n"public.f(text, integer)" = "users"\n"public.g" = "nobody"')

    assert declared.functions == {
        "public.f(text,integer)": {Audience("users")},
        "public.g": frozenset(),
    }


def test_the_documented_examples_are_contracts():
    page = (HOUSE / "docs" / "access-contract.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)

    assert len(examples) >= 3
    for example in examples:
        parse_contract(example if "version" in example else f"version = 1\n{example}", HOUSE)
