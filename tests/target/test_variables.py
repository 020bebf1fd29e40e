"""Where a target's values come from, and that the secret ones are never shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from shipworthy.errors import TargetError
from shipworthy.house import HOUSE
from shipworthy.target import load_target
from shipworthy.target.loader import VARIABLE, load_promises

TARGET = """
name = "staging"
env_file = ".env.staging"
[database]
live = "${DB_URL}"
[supabase]
url = "https://abc.supabase.co"
anon_key = "${ANON_KEY}"
service_role_key = "${SERVICE_KEY}"
"""
VALUES = {
    "ANON_KEY": "anon-key-of-the-file",
    "SERVICE_KEY": "service-key-of-the-file",
    "DB_URL": "postgresql://postgres:p%40ssw0rd-1@db.example.com/postgres",
}


@pytest.fixture
def target_file(write_target, clean_environment, tmp_path):
    (tmp_path / ".env.staging").write_text("".join(f"{k}={v}\n" for k, v in VALUES.items()))
    return write_target(TARGET)


def test_the_env_file_fills_the_target(target_file):
    loaded = load_target(target_file)

    assert loaded.target.supabase.anon_key.get_secret_value() == VALUES["ANON_KEY"]
    assert loaded.folder == target_file.parent.parent


def test_the_environment_goes_before_the_target_s_own_env_file(target_file):
    os.environ["ANON_KEY"] = "anon-key-of-the-environment"

    assert (
        load_target(target_file).target.supabase.anon_key.get_secret_value() == "anon-key-of-the-environment"
    )


def test_an_env_file_named_by_hand_goes_before_the_environment(target_file, tmp_path):
    os.environ["ANON_KEY"] = "anon-key-of-the-environment"
    named = tmp_path / "other.env"
    named.write_text("".join(f"{k}={v}\n" for k, v in (VALUES | {"ANON_KEY": "anon-key-by-hand"}).items()))

    loaded = load_target(target_file, env_file=named)

    assert loaded.target.supabase.anon_key.get_secret_value() == "anon-key-by-hand"


def test_secrets_are_unprintable_however_a_target_is_shown(target_file):
    target = load_target(target_file).target
    shown = [repr(target), str(target), json.dumps(target.model_dump(mode="json")), target.model_dump_json()]

    assert not [(value, text) for value in VALUES.values() for text in shown if value in text]


def test_secrets_and_the_passwords_in_them_are_registered_for_redaction(target_file):
    secrets = load_target(target_file).secrets

    assert {*VALUES.values(), "p%40ssw0rd-1", "p@ssw0rd-1"} <= secrets


def test_what_only_looks_like_a_secret_by_its_name_is_redacted_too(target_file):
    os.environ["STRIPE_API_KEY"] = "sk-of-another-service"

    assert "sk-of-another-service" in load_target(target_file).secrets


def test_words_of_the_format_are_no_secrets(write_target, clean_environment):
    loaded = load_target(write_target('name = "staging"\n[database]\nscratch = "embedded"'))

    assert not loaded.secrets


def test_a_target_cannot_be_changed_once_it_is_read(target_file):
    target = load_target(target_file).target

    with pytest.raises(ValueError, match="frozen"):
        target.writes = "any"


def test_parts_are_declared_by_what_the_file_says(target_file):
    target = load_target(target_file).target

    assert target.declares("supabase.anon_key")
    assert not target.declares("inference.instant")
    assert not target.declares("supabase.no_such_key")
    assert not target.declares("supabase.private_buckets"), "an empty list declares nothing"


def test_a_part_may_be_any_endpoint_and_a_member_of_a_list(write_target):
    target = load_target(
        write_target(
            'name = "staging"\n[inference.thinking]\nurl = "https://gpu.example/v1"\nmodel = "m"\n'
            'offers = ["tools"]\nlimits = { max_tokens = 5 }'
        )
    ).target

    assert target.declares("inference.*.offers.tools")
    assert target.declares("inference.*.limits.max_tokens")
    assert not target.declares("inference.*.offers.seed")
    assert not target.declares("inference.*.limits.answer_s")
    assert not target.declares("inference.instant.offers.tools")


@pytest.mark.parametrize("file", sorted((HOUSE / "targets").rglob("*.toml")), ids=lambda file: file.stem)
def test_promises_are_read_without_any_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLE.findall(file.read_text(encoding="utf-8")):
        monkeypatch.delenv(name, raising=False)
    promises = load_promises(file, {"env_file": "none-such"})
    assert promises.name


def test_a_changed_promise_stands_in_place_of_the_files_own(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text(
        'name = "some"\n[inference.instant]\nurl = "${NONE_SUCH}/v1"\nmodel = "m"\nttft_p95_ms = 400\n'
    )
    assert load_promises(file, {}).inference.instant.ttft_p95_ms == 400
    assert load_promises(file, {"inference.instant.ttft_p95_ms": 300}).inference.instant.ttft_p95_ms == 300
    with pytest.raises(TargetError, match="did you mean ttft_p95_ms"):
        load_promises(file, {"inference.instant.tftt_p95_ms": 300})
    with pytest.raises(TargetError, match="model is no table"):
        load_promises(file, {"inference.instant.model.name": 300})
