"""A project's folder is read as the Supabase CLI reads it."""

from __future__ import annotations

import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.project import read_project, setting

ONE = {"migrations/1_a.sql": "select 1"}


def names(sources):
    return [source.path.name for source in sources]


def test_migrations_are_ordered_by_version_and_then_by_name(make_project):
    files = ("10_b", "1_z", "100_a", "9_a", "1_a", "20260101000000_x")
    project = make_project(**{f"migrations/{name}.sql": "" for name in files})
    assert names(project.migrations) == [
        *("1_a.sql", "1_z.sql", "10_b.sql", "100_a.sql", "20260101000000_x.sql", "9_a.sql")
    ]


def test_what_the_first_releases_of_the_cli_wrote_is_passed_over(make_project):
    project = make_project(
        **{"migrations/20211208000000_init.sql": "select 1 / 0", "migrations/20220101000000_init.sql": ""}
    )
    assert names(project.migrations) == ["20220101000000_init.sql"]
    assert names_of(project.ignored) == ["20211208000000_init.sql"]


def names_of(paths):
    return [path.name for path in paths]


def test_byte_order_marks_go_and_line_ends_stay(tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "1_a.sql").write_bytes("\ufeffselect 1;\r\nselect 2;\r\n".encode())
    (tmp_path / "config.toml").write_bytes("\ufeff[db.seed]\r\nenabled = false\r\n".encode())
    project = read_project(tmp_path)
    assert project.migrations[0].sql == "select 1;\r\nselect 2;\r\n"
    assert setting(project.config, "db.seed.enabled", default=True) is False


@pytest.mark.parametrize("content", [b"select '\xff'", b"select '\0'"])
def test_a_file_that_no_server_takes_is_named(tmp_path, content):
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_a.sql").write_bytes(content)
    with pytest.raises(ProbeError, match=r"1_a\.sql cannot be read"):
        read_project(tmp_path)


def test_a_project_needs_no_configuration(make_project):
    project = make_project(**ONE, **{"seed.sql": "select 1"})
    assert project.config == {}
    assert names(project.seeds) == ["seed.sql"]


def test_switches_come_from_the_projects_own_variables(make_project):
    files = {
        **ONE,
        ".env": "SEEDED=false\nNAME=shop\n",
        "seed.sql": "select 1",
        "config.toml": 'project_id = "env(NAME)"\n[db.seed]\nenabled = "env(SEEDED)"\n'
        '[a]\nb = ["env(UNSET)"]',
    }
    project = make_project(**files)
    assert project.config["project_id"] == "shop"
    assert project.config["a"]["b"] == ["env(UNSET)"]
    assert project.seeds == ()


def test_a_switch_that_is_no_boolean_has_its_default():
    assert setting({"db": {"seed": {"enabled": "env(UNSET)"}}}, "db.seed.enabled", default=True) is True
    assert setting({"db": "nonsense"}, "db.seed.enabled", default=False) is False


def test_migrations_that_are_turned_off_are_none(make_project):
    project = make_project(**ONE, **{"config.toml": "[db.migrations]\nenabled = false"})
    assert (project.migrations, project.migrations_enabled) == ((), False)
    assert project.ignored == ()


def test_roles_are_read(make_project):
    project = make_project(**ONE, **{"roles.sql": "create role app"})
    assert project.roles
    assert project.roles.sql == "create role app"


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["./seed.sql"], ["seed.sql"]),
        (["seeds/*.sql", "./seeds/a.sql", "seed.sql"], ["a.sql", "b.sql", "seed.sql"]),
        (["seeds"], ["a.sql", "b.sql", "c.sql"]),
        (["seeds/**/*.sql"], ["c.sql"]),
        (["seeds/[b-z].sql", "s?ed.sql"], ["b.sql", "seed.sql"]),
        ([], []),
    ],
)
def test_patterns_of_seeds_mean_what_they_mean_to_the_cli(make_project, patterns, expected):
    files = dict.fromkeys(("seed.sql", "seeds/b.sql", "seeds/a.sql", "seeds/deep/c.sql"), "select 1")
    project = make_project(**ONE, **files, **{"config.toml": f"[db.seed]\nsql_paths = {patterns}"})
    assert names(project.seeds) == expected
    assert project.unmatched == ()


def test_a_pattern_without_a_file_is_kept_by_name(make_project):
    project = make_project(**ONE, **{"config.toml": '[db.seed]\nsql_paths = ["./seeds/*.sql"]'})
    assert project.unmatched == ("./seeds/*.sql",)


def test_a_declared_schema_is_read_in_its_order(make_project):
    files = {"schemas/b.sql": "", "schemas/a.sql": "", "schemas/deep/c.sql": ""}
    assert names(make_project(**files).schemas) == ["a.sql", "b.sql", "c.sql"]
    config = '[db.migrations]\nschema_paths = ["./schemas/b.sql", "./schemas/*.sql"]'
    project = make_project(**files, **{"config.toml": config})
    assert names(project.schemas) == ["b.sql", "a.sql"]
    assert project.migrations == ()
