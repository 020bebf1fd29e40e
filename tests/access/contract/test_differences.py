"""What is declared and what is so are compared in both directions, each difference with its remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shipworthy.probes.postgres.access.audience import Audience
from shipworthy.probes.postgres.access.audiences import FunctionAccess, Measured
from shipworthy.probes.postgres.access.contract import Contract, parse_contract
from shipworthy.probes.postgres.access.differences import compare
from shipworthy.probes.postgres.access.draft import draft

EVERYONE, USERS = frozenset({Audience("everyone")}), frozenset({Audience("users")})


@pytest.fixture
def documents(made):
    """A table that members read and admins delete from."""
    made.table("public.documents")
    made.reached("public.documents", "select", "member", 1)
    made.reached("public.documents", "delete", "admin", 1)
    return made.measured


@pytest.fixture
def differences(contract):
    def differ(text, measured):
        return [(d.kind, d.subject) for d in compare(contract(text), measured, measured.relations)]

    return differ


def function(name, audiences=frozenset(), *, service=True, definer=False):
    return FunctionAccess(name, ("integer",), audiences, service, definer)


def test_a_contract_that_says_what_is_so_differs_in_nothing(differences, documents):
    assert (
        differences('[tables]\n"public.documents" = { read = "members", delete = "admins" }', documents) == []
    )


def test_what_is_open_beyond_the_contract_is_a_difference(contract, documents):
    declared = contract('[tables]\n"public.documents" = { read = "admins", delete = "admins" }')

    (difference,) = compare(declared, documents, documents.relations)

    assert difference.kind == "open"
    assert difference.saw == "members may read it; declared is admins"
    assert "scope the SELECT policies of public.documents" in difference.fix
    assert 'read = "members"' in difference.fix


def test_what_is_declared_and_denied_is_a_difference(contract, documents):
    declared = contract('[tables]\n"public.documents" = { read = "everyone", delete = "admins" }')

    (difference,) = compare(declared, documents, documents.relations)

    assert difference.kind == "denied"
    assert "on public.documents for select to anon, authenticated using (true);" in difference.fix


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("42501 permission denied for table documents", "grant select on public.documents to authenticated;"),
        ("42501 permission denied for schema private", "grant usage on schema private to authenticated;"),
        (
            "42501 permission denied for function is_member",
            "grant execute on function is_member to authenticated;",
        ),
        (
            "0 rows",
            'create policy "<name>" on public.documents for select to authenticated using (<members>);',
        ),
    ],
)
def test_the_remedy_for_a_refusal_is_what_was_refused(contract, made, said, remedy):
    made.table("public.documents")
    made.reached("public.documents", "select", "member")
    made.cells = [replace(cell, saw=said) for cell in made.cells]
    declared = contract('[tables]\n"public.documents" = { read = "members" }')

    (difference,) = compare(declared, made.measured, made.measured.relations)

    assert said in difference.saw
    assert difference.fix.startswith(remedy)


def test_public_rows_that_are_declared_private_name_the_grant_to_take_back(contract, made):
    made.table("public.documents")
    for persona in ("anon", "stranger", "member"):
        made.reached("public.documents", "select", persona, 1, 1)
    measured = made.measured

    (difference,) = compare(contract('[tables]\n"public.documents" = {}'), measured, measured.relations)

    assert difference.fix.startswith("revoke select on public.documents from anon, authenticated;")


def test_a_wider_opening_is_a_difference(made, differences):
    made.table("public.posts")
    made.reached("public.posts", "select", "anon", 1, 1)

    declared = '[tables]\n"public.posts" = { read = "everyone when status = \'published\'" }'

    assert differences(declared, made.measured) == [("open", "public.posts")]


def test_a_table_that_no_line_names_is_undeclared_with_its_line(contract, documents):
    (difference,) = compare(contract("[functions]\n"), documents, documents.relations)

    assert difference.kind == "undeclared"
    assert '"public.documents" = { read = "members", delete = "admins" }' in difference.fix


def test_a_line_for_what_does_not_exist_is_a_difference(contract, documents):
    declared = contract(
        '[tables]\n"public.documents" = { read = "members", delete = "admins" }\n"public.document" = {}'
    )

    (difference,) = compare(declared, documents, documents.relations)

    assert (difference.kind, difference.subject) == ("gone", "public.document")
    assert "public.documents has a name like it" in difference.saw


def test_members_pass_as_owners_where_no_row_could_tell_them_apart(made, differences):
    made.table("public.notes", people=("member",))
    made.reached("public.notes", "select", "member", 1)

    for who in ("owner", "members"):
        assert differences(f'[tables]\n"public.notes" = {{ read = "{who}" }}', made.measured) == []


def test_a_table_that_could_not_be_measured_is_not_said_to_be_denied(differences, documents):
    relation = documents.relations["public.documents"]
    blind = replace(
        relation, access=dict.fromkeys(relation.access, frozenset()), unproven={"select": "no row"}
    )
    measured = Measured({"public.documents": blind}, ())

    assert differences('[tables]\n"public.documents" = { read = "members" }', measured) == []


@pytest.mark.parametrize(
    ("line", "audiences", "service", "kinds"),
    [
        ('"public.f" = "users"', USERS, True, []),
        ('"public.f" = "users"', EVERYONE, True, ["open"]),
        ('"public.f(integer)" = "nobody"', USERS, True, ["open"]),
        ('"public.f" = "users"', frozenset(), True, ["denied"]),
        ('"public.f" = "nobody"', frozenset(), False, ["denied"]),
        ('"public.g" = "nobody"', frozenset(), True, ["gone"]),
        ("", USERS, True, ["undeclared"]),
        ("", frozenset(), True, []),
    ],
)
def test_functions_are_for_those_that_the_contract_names(differences, line, audiences, service, kinds):
    measured = Measured({}, (function("public.f", audiences, service=service),))

    assert [kind for kind, _ in differences(f"[functions]\n{line}", measured)] == kinds


def test_a_definer_function_says_that_it_goes_past_the_policies(contract):
    measured = Measured({}, (function("public.f", USERS, definer=True),))

    (difference,) = compare(contract(""), measured, ())

    assert "with its owner's rights, past every policy" in difference.saw


def test_a_contract_drafted_from_nothing_is_valid(tmp_path):
    drafted = parse_contract(draft(Measured({}, ()), ()), tmp_path / "access.toml")

    assert drafted == Contract(tmp_path / "access.toml")
