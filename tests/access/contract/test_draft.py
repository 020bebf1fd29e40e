"""A drafted contract says what is so, and changes only where that has changed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.probes.postgres.access.audience import WHO, Audience, widest
from shipworthy.probes.postgres.access.audiences import FunctionAccess, Measured, RelationAccess
from shipworthy.probes.postgres.access.contract import COMMANDS, parse_contract
from shipworthy.probes.postgres.access.differences import compare
from shipworthy.probes.postgres.access.draft import draft, redraft

HERE = Path("access.toml")
REVIEWED = """\
# Ours.
version = 1

[tables]
"public.plans" = { read = "everyone" }  # the price list
"public.gone" = { read = "users" }

[tables."public.odd"]
read = "users"
[tables."public.odd".row]
code = "AB-1"  # as the check wants it

[[groups]]  # members' own
tables = ["public.alerts", "public.metrics"]
read = "members"

[functions]
"public.search" = "users"  # by meaning

[claims]
"app_metadata.org_id" = "public.organizations.id"
"""


def relation(name, **access):
    found = {c: frozenset(map(Audience, access.get(c, ()))) for c in COMMANDS.values()}
    return RelationAccess(name, "table", found, told_apart=True, unproven={})


def measured(*relations, functions=()):
    return Measured({one.relation: one for one in relations}, tuple(functions))


def as_reviewed(*, functions=None):
    search = FunctionAccess("public.search", ("text",), frozenset({Audience("users")}), True, False)
    return measured(
        relation("public.plans", select=["everyone"]),
        relation("public.odd", select=["users"]),
        relation("public.alerts", select=["members"]),
        relation("public.metrics", select=["members"]),
        functions=[search] if functions is None else functions,
    )


def brought_in_line(found, text=REVIEWED):
    contract = parse_contract(text, HERE)
    again = redraft(text, found, compare(contract, found, found.relations))
    assert compare(parse_contract(again, HERE), found, found.relations) == ()
    return again


def test_equal_lines_are_one_group_and_others_stand_alone():
    text = draft(
        measured(
            relation("public.b", select=["members"]),
            relation("public.a", select=["members"]),
            relation("public.plans", select=["everyone"]),
        ),
        ["public.a", "public.b", "public.plans"],
    )

    assert text.endswith(
        '[tables]\n"public.plans" = { read = "everyone" }\n\n'
        '[[groups]]\ntables = [\n  "public.a",\n  "public.b",\n]\nread = "members"\n'
    )


def test_what_was_measured_last_changes_its_own_lines_only():
    found = as_reviewed()
    changed = dict(found.relations) | {"public.alerts": relation("public.alerts", select=["admins"])}

    again = brought_in_line(replace(found, relations=changed))

    assert '"public.plans" = { read = "everyone" }  # the price list' in again
    assert "public.gone" not in again
    assert '[[groups]]  # members\' own\ntables = ["public.metrics"]' in again
    assert '"public.alerts" = { read = "admins" }' in again
    assert 'code = "AB-1"  # as the check wants it' in again
    assert '"app_metadata.org_id" = "public.organizations.id"' in again


def test_a_line_with_a_comment_keeps_it_when_it_changes():
    found = as_reviewed()
    changed = dict(found.relations) | {"public.plans": relation("public.plans", select=["users"])}

    assert '"public.plans" = { read = "users" }  # the price list' in brought_in_line(
        replace(found, relations=changed)
    )


def test_a_row_template_outlives_a_change_of_access():
    found = as_reviewed()
    changed = dict(found.relations) | {"public.odd": relation("public.odd")}

    again = brought_in_line(replace(found, relations=changed))

    assert parse_contract(again, HERE).rows == {"public.odd": {"code": "'AB-1'"}}


def test_a_function_that_becomes_two_is_told_apart():
    search = as_reviewed().functions[0]
    other = replace(search, arguments=("integer",), audiences=frozenset({Audience("everyone")}))

    again = brought_in_line(as_reviewed(functions=[search, other]))

    assert '"public.search(text)" = "users"' in again
    assert '"public.search(integer)" = "everyone"' in again


def test_a_contract_that_is_right_is_left_as_it_is():
    text = REVIEWED.replace('"public.gone" = { read = "users" }\n', "")

    assert brought_in_line(as_reviewed(), text) == text


audiences = st.frozensets(
    st.builds(Audience, st.sampled_from(WHO[:-1]), st.sampled_from(["", "state = 'open'", "gone is null"])),
    max_size=3,
).map(widest)
names = st.from_regex(r'public\.("[ -~é\n]{1,20}"|[a-z_]{1,20})', fullmatch=True)
relations = st.builds(
    lambda name, access: RelationAccess(
        name, "table", dict(zip(COMMANDS.values(), access, strict=True)), told_apart=True, unproven={}
    ),
    names,
    st.lists(audiences, min_size=4, max_size=4),
)


@given(st.lists(relations, max_size=8, unique_by=lambda one: one.relation))
def test_what_is_drafted_is_read_again_as_what_was_measured(found):
    everything = measured(*found)

    contract = parse_contract(draft(everything, everything.relations), HERE)

    assert compare(contract, everything, everything.relations) == ()
    assert contract.tables == {one.relation: one.access for one in found}


@given(st.lists(relations, max_size=5, unique_by=lambda one: one.relation), st.data())
def test_any_contract_is_brought_in_line_with_any_measurement(found, data):
    before = measured(*found)
    shuffled = [replace(one, access=data.draw(st.sampled_from(found)).access) for one in found]
    after = measured(*itertools.islice(shuffled, 1, None))

    brought_in_line(after, draft(before, before.relations))


@pytest.mark.parametrize("who", WHO[:-1])
def test_the_widest_audience_takes_in_itself(who):
    assert Audience(who).covers(Audience(who))
