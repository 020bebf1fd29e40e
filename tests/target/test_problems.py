"""Everything that is wrong with a target file is told at once, with what would be right."""

from __future__ import annotations

import os

import pytest

from shipworthy import TargetError
from shipworthy.target import load_target


def problems_of(path):
    with pytest.raises(TargetError) as caught:
        load_target(path)
    return {problem.key: problem for problem in caught.value.problems}


def test_five_mistakes_are_reported_together(write_target, clean_environment):
    path = write_target("""
        name = "Staging!"
        writes = "everything"
        [supabase]
        url = "staging.example.com"
        anon_key = "${ANON_KEY}"
        servce_role_key = "x"
    """)

    problems = problems_of(path)

    assert problems.keys() == {
        "name",
        "writes",
        "supabase.url",
        "supabase.anon_key",
        "supabase.service_role_key",
        "supabase.servce_role_key",
    }
    assert "variable ANON_KEY is not set" in str(problems["supabase.anon_key"])
    assert "https://" in problems["supabase.url"].want
    assert problems["supabase.service_role_key"].saw == "missing"


def test_unknown_key_comes_with_the_nearest_known_one(write_target, clean_environment):
    path = write_target("""
        name = "staging"
        promote_to = "production"
        [inference.instant]
        url = "https://gpu.example.com/v1"
        model = "m"
        ttft_p95 = 400
    """)

    problems = problems_of(path)

    assert problems["promote_to"].want == "did you mean promotes_to?"
    assert problems["inference.instant.ttft_p95"].want == "did you mean ttft_p95_ms?"


def test_every_missing_variable_is_named_with_the_place_to_set_it(write_target, clean_environment):
    path = write_target("""
        name = "staging"
        env_file = ".env.staging"
        [gateway]
        url = "https://${HOST}/${PATH_PREFIX}"
        models = ["${MODEL}"]
    """)

    with pytest.raises(TargetError) as caught:
        load_target(path)

    said = [f"{problem.key}: {problem.saw}" for problem in caught.value.problems]
    assert said == [
        "gateway.url: variable HOST is not set",
        "gateway.url: variable PATH_PREFIX is not set",
        "gateway.models[0]: variable MODEL is not set",
    ]
    assert str(caught.value).endswith("variables are read from the environment and from .env.staging")


def test_a_wrong_value_is_not_repeated_in_the_message(write_target, clean_environment):
    os.environ["WEB_URL"] = "https://user:hunter2hunter2@example.com"
    path = write_target('name = "staging"\n[web]\nurl = "${WEB_URL}"')

    with pytest.raises(TargetError) as caught:
        load_target(path)

    assert "password" in str(caught.value)
    assert "hunter2hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'name = "staging', "not valid TOML"),
        (b'name = "\xff"', "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(write_target, content, said):
    path = write_target("")
    path.write_bytes(content)

    with pytest.raises(TargetError, match=said):
        load_target(path)


def test_a_file_that_does_not_exist_names_those_that_do(write_target):
    path = write_target('name = "staging"')

    with pytest.raises(TargetError, match=r"one of staging\.toml"):
        load_target(path.with_name("stagign.toml"))


def test_a_waiver_needs_an_owner_a_reason_and_an_end(write_target, clean_environment):
    path = write_target("""
        name = "staging"
        [[waivers]]
        check = "access.exposure.tables_enforce_rls"
        subject = "public.plans"
        owner = ""
        reason = "because"
    """)

    assert problems_of(path).keys() == {"waivers[0].owner", "waivers[0].reason", "waivers[0].expires"}
