"""The recorded migrations are held against the files."""

from __future__ import annotations

from shipworthy.probes.postgres.history import Applied, compare_history
from shipworthy.probes.postgres.migrate import apply_migrations, read_history

TWO = {"migrations/1_a.sql": "create table a (id int);", "migrations/3_c.sql": "create table c (id int);"}


def recorded(connection):
    return [Applied(version, name, tuple(sql)) for version, name, sql in read_history(connection)]


def test_a_migrated_database_has_the_projects_history(database, reference_project):
    history = compare_history(reference_project.migrations, recorded(database))
    assert len(history.applied) == len(reference_project.migrations)
    assert (history.pending, history.unknown, history.edited, history.unrecorded) == ((),) * 4


def test_pending_and_unknown_migrations_are_told_apart(empty, make_project):
    apply_migrations(empty, make_project(**TWO))
    files = make_project(**{"migrations/2_b.sql": "select 2;", "migrations/4_d.sql": "select 4;"}).migrations
    history = compare_history([m for m in files if m.version != "1"], recorded(empty))
    assert [m.version for m in history.pending] == ["2", "4"]
    assert history.late == {"2"}
    assert [entry.version for entry in history.unknown] == ["1"]


def test_an_edit_is_found_and_shown(empty, make_project):
    apply_migrations(empty, make_project(**TWO))
    edited = make_project(**{"migrations/1_a.sql": "create table a (id bigint);"})
    (found,) = compare_history(edited.migrations, recorded(empty)).edited
    assert found.migration.version == "1"
    assert found.difference == "-create table a (id int)\n+create table a (id bigint)"


def test_comments_layout_and_how_a_tool_splits_are_no_edit(empty, make_project):
    apply_migrations(empty, make_project(**TWO))
    files = make_project(
        **{"migrations/1_a.sql": "-- the first\ncreate table a\n(\n  id int /* a number */\n);\n"}
    ).migrations
    joined = [
        Applied("1", "a", ("create table a (id int);",)),
        Applied("3", "c", ("create table c (id int) ;",)),
    ]
    assert not compare_history(files, recorded(empty)).edited
    assert not compare_history(files, joined).edited


def test_text_within_a_function_counts(make_project):
    body = "create function f() returns text language sql as $$ select 'a' -- {} $$;"
    files = make_project(**{"migrations/1_a.sql": body.format("x")}).migrations
    assert compare_history(files, [Applied("1", "a", (body.format("y"),))]).edited


def test_records_without_statements_are_named_and_not_judged(make_project):
    history = compare_history(make_project(**TWO).migrations, [Applied("1", "a", ()), Applied("3", "c", ())])
    assert history.unrecorded == ("1", "3")
    assert not history.edited
