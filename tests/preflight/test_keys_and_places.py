"""What keys and addresses say of themselves, and what of it belongs together."""

from __future__ import annotations

import datetime as dt

import jwt
import pytest

from shipworthy.probes.jwt import read_key, tampered
from shipworthy.probes.places import Place, place_of, place_of_key

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def key(**claims):
    return jwt.encode(
        {"iss": "supabase", **claims}, "a secret of the test, long enough for HS256", algorithm="HS256"
    )


def test_a_jwt_key_says_role_project_and_expiry():
    claims = read_key(key(role="anon", ref="abc", exp=NOW + dt.timedelta(days=7)))

    assert (claims.kind, claims.role, claims.ref, claims.issuer) == ("jwt", "anon", "abc", "supabase")
    assert claims.days_left(NOW) == 7


@pytest.mark.parametrize(
    ("value", "kind", "role"),
    [
        ("sb_publishable_abc", "publishable", "anon"),
        ("sb_secret_abc", "secret", "service_role"),
        ("no key at all", "opaque", None),
        ("a.b.c", "opaque", None),
        ("", "opaque", None),
    ],
)
def test_other_keys_are_known_by_their_prefix_or_not_at_all(value, kind, role):
    claims = read_key(value)

    assert (claims.kind, claims.role, claims.days_left(NOW)) == (kind, role, None)


@pytest.mark.parametrize("genuine", [key(role="anon"), "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"])
def test_a_tampered_key_reads_the_same_and_is_another(genuine):
    forged = tampered(genuine)

    assert forged != genuine
    assert len(forged) == len(genuine)
    assert read_key(forged) == read_key(genuine)


def test_a_tampered_signature_does_not_verify():
    secret = "a secret of the test, long enough for HS256"

    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(tampered(key(role="anon")), secret, algorithms=["HS256"])


@pytest.mark.parametrize(
    ("address", "host", "ref"),
    [
        ("https://abc.supabase.co/rest/v1", "abc.supabase.co", "abc"),
        ("https://abc.functions.supabase.co", "abc.functions.supabase.co", "abc"),
        ("postgresql://postgres:pw@db.abc.supabase.co:5432/postgres", "db.abc.supabase.co", "abc"),
        (
            "postgresql://postgres.abc:pw@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
            "aws-0-eu-central-1.pooler.supabase.com",
            "abc",
        ),
        ("https://app.example.com", "app.example.com", None),
        ("postgresql://postgres:[pw@db.example.com/postgres", None, None),
    ],
)
def test_addresses_and_dsns_name_host_and_project(address, host, ref):
    assert place_of("key", address) == Place("key", host, ref)


def test_a_key_names_its_project():
    assert place_of_key("anon", key(ref="abc")).ref == "abc"


@pytest.mark.parametrize(
    ("host", "name", "belongs"),
    [
        ("app.example.com", "example.com", True),
        ("example.com", "example.com", True),
        ("myexample.com", "example.com", False),
        ("example.com.evil.org", "example.com", False),
        (None, "example.com", False),
    ],
)
def test_a_place_belongs_to_a_host_and_what_is_below_it(host, name, belongs):
    assert Place("key", host).belongs_to(name) is belongs


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("app.localhost", True),
        ("10.0.0.1", False),
        ("a.b", False),
    ],
)
def test_loopback_is_this_machine_and_nothing_else(host, loopback):
    assert Place("key", host).loopback is loopback
