"""Placeholders are told from real values, and real values are never taken for placeholders."""

from __future__ import annotations

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.probes.placeholders import placeholder_in

LEFT_OVER = [
    "your-anon-key",
    "https://your-project.supabase.co",
    "YOUR_SERVICE_ROLE_KEY",
    "https://hooks.slack.com/...",
    "changeme",
    "change-me-please",
    "REPLACE_ME",
    "<service-role-key>",
    "https://<project-ref>.supabase.co",
    "postgresql://postgres:[YOUR-PASSWORD]@db.abc.supabase.co:5432/postgres",
    "postgresql://postgres:password@db.abc.supabase.co:5432/postgres",
    "{{ secret }}",
    "${SUPABASE_KEY}",
    "sk-...",
    "eyJhbGciOi...",
    "sk-xxxxxxxx",
    "xxx",
    "TODO",
    "placeholder",
    "super-secret-jwt-token-with-at-least-32-characters-long",
]
REAL = [
    "https://abcdefghijklmnopqrst.supabase.co",
    "postgresql://postgres.abc:Tr0ub4dor&3x@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
    "https://app.example.com/todo",
    "https://hooks.slack.com/services/T00/B00/Yourself1",
    "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz",
    "sk-proj-abcDEF0123456789_-",
    "examples-team@yourcompany.io",
    "0",
]


@pytest.mark.parametrize("value", LEFT_OVER)
def test_what_templates_leave_behind_is_recognised(value):
    assert placeholder_in(value)


@pytest.mark.parametrize("value", REAL)
def test_what_people_really_use_is_not(value):
    assert placeholder_in(value) is None


def test_keys_that_every_local_stack_shares_are_placeholders():
    key = jwt.encode({"iss": "supabase-demo", "role": "anon"}, "x" * 32, algorithm="HS256")

    assert placeholder_in(key)


@given(
    st.text(
        alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=16, max_size=64
    )
)
def test_random_keys_are_never_placeholders(value):
    # What a generator gives; hypothesis itself likes to repeat one letter, which no generator does.
    if len(set(value)) >= 10:
        assert placeholder_in(value) is None


@given(st.binary(min_size=16, max_size=48))
def test_random_bytes_in_hexadecimal_are_never_placeholders(value):
    assert placeholder_in(value.hex()) is None
