"""Secrets in public variables and in tracked files are found, wherever they stand."""

from __future__ import annotations

import subprocess

import jwt
import pytest

from shipworthy import ProbeError
from shipworthy.probes.exposure import env_files, exposed_in, read_env_file
from shipworthy.probes.git import (
    Occurrence,
    count_tracked,
    find_tracked,
    is_work_tree,
    uncommitted_files,
)

SECRETS = {"supabase.cron_secret": "a-cron-secret-of-the-test"}
SERVICE_KEY = jwt.encode({"role": "service_role"}, "x" * 32, algorithm="HS256")
ANON_KEY = jwt.encode({"role": "anon"}, "x" * 32, algorithm="HS256")


@pytest.mark.parametrize(
    "value",
    [
        "a-cron-secret-of-the-test",
        "https://cron.example.com?secret=a-cron-secret-of-the-test",
        SERVICE_KEY,
        "sb_secret_abc",
        "postgresql://postgres:pw@db.example.com/postgres",
        "sk-proj-0123456789abcdefghij",
    ],
)
def test_secrets_under_a_public_name_are_found(value):
    assert [e.variable for e in exposed_in({"VITE_X": value, "X": value}, ["VITE_"], SECRETS)] == ["VITE_X"]


@pytest.mark.parametrize("value", [ANON_KEY, "sb_publishable_abc", "https://abc.supabase.co", "", "true"])
def test_what_is_public_may_be_public(value):
    assert not list(exposed_in({"VITE_X": value}, ["VITE_"], SECRETS))


def test_env_files_of_the_project_are_found_and_templates_are_not(tmp_path):
    for name in (".env", ".env.production", ".env.example", "web/.env.local", "node_modules/a/.env", "env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("VITE_A=${B}\nEMPTY=\n")

    found = [str(path.relative_to(tmp_path)) for path in env_files(tmp_path)]

    assert found == [".env", ".env.production", "web/.env.local"]
    assert read_env_file(tmp_path / ".env") == {"VITE_A": "${B}"}


@pytest.fixture
def repository(tmp_path):
    def git(*arguments):
        who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")
    (tmp_path / "a file.md").write_text('one\ntwo a-secret"of the test three\n')
    (tmp_path / ".gitignore").write_text("*.log\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "Begin")
    return tmp_path


def test_a_clean_tree_has_no_uncommitted_files(repository):
    (repository / "ignored.log").write_text("x")

    assert uncommitted_files(repository) == ()


def test_changed_new_and_removed_files_are_uncommitted(repository):
    (repository / "a file.md").write_text("other")
    (repository / "new.sql").write_text("select 1")
    (repository / ".gitignore").unlink()

    assert set(uncommitted_files(repository)) == {"a file.md", "new.sql", ".gitignore"}


def test_exact_texts_are_found_in_tracked_files_only(repository):
    (repository / "untracked.txt").write_text('a-secret"of the test')

    found = list(find_tracked(repository, ['a-secret"of the test', "not there", ""]))

    assert found == [Occurrence("a file.md", 2, 'a-secret"of the test')]
    assert count_tracked(repository) == 2


def test_nothing_to_look_for_finds_nothing(repository):
    assert list(find_tracked(repository, [])) == []


def test_a_folder_outside_git_is_told_from_one_inside(repository, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")

    assert is_work_tree(repository)
    assert not is_work_tree(outside)
    with pytest.raises(ProbeError, match="git status"):
        uncommitted_files(outside)
