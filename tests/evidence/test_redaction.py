"""Secrets leave no trace in what is written."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.evidence.redaction import Redactor, clean, search

SECRETS = st.lists(st.text(st.characters(codec="utf-8"), min_size=6, max_size=40), min_size=1, max_size=6)
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=40)
TEXTS = st.text(st.characters(codec="utf-8"))
ENCODINGS = [
    str,
    quote,
    quote_plus,
    lambda secret: re.sub("%..", lambda escape: escape[0].lower(), quote(secret, safe="")),
    html.escape,
    lambda secret: json.dumps({"key": secret}),
    lambda secret: json.dumps({"key": secret}, ensure_ascii=False),
    lambda secret: json.dumps(json.dumps({"key": secret})),
    lambda secret: repr([secret]),
]
SESSION = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@given(SECRETS, st.data())
def test_no_registered_secret_survives(secrets, data):
    encode = data.draw(st.sampled_from(ENCODINGS))
    parts = [part for secret in secrets for part in (data.draw(TEXTS), encode(secret))]
    text = "".join([*parts, data.draw(TEXTS)])

    redacted = Redactor(secrets).redact(text)

    assert not [secret for secret in secrets if secret in redacted]
    assert not [secret for secret in secrets if encode(secret) in redacted and len(encode(secret)) >= 6]


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=40),
    st.binary(max_size=5),
)
def test_a_secret_inside_base64_does_not_survive(secret, before):
    encoded = base64.b64encode(before + secret.encode() + b":tail").decode()

    redacted = Redactor([secret]).redact(f"Authorization: Basic {encoded}")

    assert "[redacted:secret]" in redacted


@given(SECRETS, st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_is_redacted_in_keys_and_values_and_keeps_its_shape(secrets, value):
    redacted = Redactor(secrets).redact_json({"known": [value, *secrets]})

    assert len(redacted["known"]) == len(secrets) + 1
    assert not [secret for secret in secrets for text in _texts(redacted) if secret in text]


@given(TEXTS)
def test_text_without_a_secret_comes_back_as_it_is(text):
    assert Redactor(["never-part-of-the-text-\x00"]).redact(text) in {text, Redactor([]).redact(text)}


def test_a_secret_is_named_after_the_variable_that_holds_it():
    redactor = Redactor(["hunter2hunter2", "no variable has this"], {"WEB_PASSWORD": "hunter2hunter2"})

    assert redactor.redact("a hunter2hunter2 b") == "a [redacted:WEB_PASSWORD] b"
    assert redactor.redact("no variable has this") == "[redacted:secret]"


def test_a_longer_secret_is_replaced_whole_where_it_contains_a_shorter_one():
    redactor = Redactor(["postgres://u:swordfish@h/db", "swordfish"], {"DSN": "postgres://u:swordfish@h/db"})

    assert redactor.redact("postgres://u:swordfish@h/db") == "[redacted:DSN]"


def test_a_session_token_that_nobody_registered_is_replaced():
    assert Redactor([]).redact(f"Bearer {SESSION}, then") == "Bearer [redacted:JWT], then"


def test_a_registered_token_is_known_by_its_signature():
    assert SESSION.rpartition(".")[2] not in Redactor([SESSION]).redact(SESSION.rpartition(".")[2] + " alone")


def test_a_number_that_is_a_secret_is_replaced_and_others_stay_numbers():
    redacted = Redactor(["12345678"]).redact_json({"pin": 12345678, "count": 17, "ratio": 0.5, "on": True})

    assert redacted == {"pin": "[redacted:secret]", "count": 17, "ratio": 0.5, "on": True}


def test_facts_of_probes_are_taken_as_they_are():
    @dataclass
    class Timing:
        first_token_s: float
        key: str

    redacted = Redactor(["top-secret"]).redact_json({"timing": Timing(0.5, "top-secret"), "seen": {"b", "a"}})

    assert redacted == {"timing": {"first_token_s": 0.5, "key": "[redacted:secret]"}, "seen": ["a", "b"]}
    assert Redactor([]).redact_json(float("nan")) == "nan"


@pytest.mark.timeout(20)
def test_megabytes_are_redacted_while_one_waits():
    secrets = [f"secret-{number:04}-{'x' * 30}" for number in range(40)]
    text = "no secret in this line of an ordinary log\n" * 200_000

    assert Redactor(secrets).redact(text + secrets[7]).endswith("[redacted:secret]")


def test_a_leak_is_found_in_text_binary_and_archives(tmp_path: Path):
    secret = "correct horse battery"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "picture.png").write_bytes(b"\x89PNG\x00" + secret.encode() + b"\xff")
    (tmp_path / "encoded.txt").write_bytes(base64.b64encode(b"ab" + secret.encode() + b"!"))
    (tmp_path / "log.gz").write_bytes(gzip.compress(secret.encode()))
    with zipfile.ZipFile(tmp_path / "trace.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("network.json", json.dumps({"password": secret}))
    (tmp_path / "clean.json").write_text("{}")

    leaks = search(tmp_path, [secret])

    files = [leak.path.partition("!")[0] for leak in leaks]
    assert sorted(files) == ["deep/picture.png", "encoded.txt", "log.gz", "trace.zip"]
    assert next(leak for leak in leaks if "picture" in leak.path).offset == 5
    assert secret not in str(leaks)


def test_a_broken_archive_is_searched_as_far_as_it_can_be_read(tmp_path: Path):
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"swordfish" * 999)[:-9])
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and then swordfish in the open")

    assert "cut.zip" in [leak.path for leak in search(tmp_path, ["swordfish"])]


def test_what_tools_wrote_is_redacted_in_place_and_binaries_are_left_alone(tmp_path: Path):
    (tmp_path / "stats.csv").write_text("name,key\nGET,swordfish\n")
    (tmp_path / "picture").write_bytes(b"\xff\xfeswordfish")

    assert clean(tmp_path, Redactor(["swordfish"])) == [tmp_path / "stats.csv"]
    assert (tmp_path / "stats.csv").read_text() == "name,key\nGET,[redacted:secret]\n"
    assert (tmp_path / "picture").read_bytes() == b"\xff\xfeswordfish"


def _texts(node):
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in [key, *_texts(value)]]
    if isinstance(node, list):
        return [text for item in node for text in _texts(item)]
    return [node] if isinstance(node, str) else []
