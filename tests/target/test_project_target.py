"""A project folder alone is enough to be judged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.errors import RunError
from shipworthy.project_target import find_project, project_name, project_target
from shipworthy.target import load_target

HOUSE = Path(__file__).parents[2]


def make_project(folder: Path, config: str | None = "") -> Path:
    (folder / "migrations").mkdir(parents=True)
    (folder / "migrations" / "1_a.sql").write_text("select 1;")
    if config is not None:
        (folder / "config.toml").write_text(config)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_project_is_found_from_its_folder_and_from_its_repository(tmp_path):
    project = make_project(tmp_path / "supabase")
    assert find_project(tmp_path) == find_project(project) == project


@pytest.mark.parametrize("place", ["infra/supabase", "packages/db/supabase"])
def test_another_layout_is_found_below_the_repository(tmp_path, place):
    project = make_project(tmp_path / place)
    make_project(tmp_path / "node_modules" / "other" / "supabase")
    assert find_project(tmp_path) == project


def test_a_project_without_configuration_is_found(tmp_path):
    project = make_project(tmp_path / "database", config=None)
    assert find_project(project) == project


def test_two_projects_are_named_and_none_is_guessed(tmp_path):
    make_project(tmp_path / "one" / "supabase")
    make_project(tmp_path / "two" / "supabase")
    with pytest.raises(RunError, match=r"2 projects below it \(one/supabase, two/supabase\)"):
        find_project(tmp_path)


def test_a_folder_without_a_project_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"no migrations and no config\.toml"):
        find_project(tmp_path)
    with pytest.raises(RunError, match="no such folder"):
        find_project(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ('project_id = "Some Shop!"', "some-shop"),
        ('project_id = "env(PROJECT)"', "my-app"),
        ("not toml", "my-app"),
        (None, "my-app"),
    ],
)
def test_the_target_is_named_for_the_project(tmp_path, config, name):
    assert project_name(make_project(tmp_path / "My App" / "supabase", config)) == name


def test_the_target_declares_the_project_and_its_server_and_nothing_else(here):
    project = make_project(here / 'odd "name" ü' / "supabase")
    said = []
    path = project_target(project, "postgresql://me:secret@host/db", say=said.append)
    loaded = load_target(path)
    database = loaded.target.database
    assert database
    assert (database.project, database.live) == (project, None)
    assert database.scratch.get_secret_value() == "postgresql://me:secret@host/db"
    assert (loaded.folder, loaded.judged_folder) == (here, project)
    assert not loaded.target.addresses
    assert path.stat().st_mode & 0o077 == 0, "a DSN has a password in it"
    assert (here / ".shipworthy" / ".gitignore").is_file()
    assert said
    assert "secret" not in "".join(said)


def test_targets_of_other_options_do_not_overwrite_each_other(here):
    project = make_project(here / "supabase")
    assert project_target(project, "embedded") != project_target(project, "container", "postgres:17")


def test_a_named_image_asks_for_a_container(here):
    database = load_target(
        project_target(make_project(here / "supabase"), image="postgres:17")
    ).target.database
    assert database
    assert (database.scratch.get_secret_value(), database.image) == ("container", "postgres:17")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "either a TARGET or --project"),
        (["local", "--project", "supabase"], "either a TARGET or --project"),
        (["local", "--scratch", "embedded"], "belong to --project"),
    ],
)
def test_a_target_and_a_project_exclude_each_other(here, capsys, words, message):
    assert main(["run", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_plan_of_a_project_owes_what_a_project_alone_can_show(here, capsys):
    shutil.copytree(HOUSE / "supabase", here / "supabase")
    assert main(["plan", "--project", ".", "--scratch", "embedded"]) == 0
    said = capsys.readouterr().out
    assert "from_zero.migrations_apply_from_zero" in said
    assert "no_migration_is_pending: the target does not declare database.live" in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["embedded"], "--project {} --scratch embedded"),
        (["postgresql://me:secret@host/db"], "--project {}"),
        ([None, "postgres:17"], "--project {} --image postgres:17"),
    ],
)
def test_a_run_is_repeated_with_the_same_options(here, options, named):
    project = make_project(here / "my supabase" / "supabase")
    assert load_target(project_target(project, *options)).named == named.format(f"'{project}'")
