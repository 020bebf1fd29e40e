"""The recorded migrations are held against the files."""

from __future__ import annotations

from shipworthy.probes.postgres.catalogue import read_catalogue
from shipworthy.probes.postgres.effects import without_effect
from shipworthy.probes.postgres.history import Applied, compare_history, read_order
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


def test_the_order_of_recording_is_read(empty, make_project):
    apply_migrations(empty, make_project(**TWO))
    assert read_order(empty).overtaken == ()
    apply_migrations(empty, make_project(**{"migrations/2_b.sql": "select 2;"}))
    assert read_order(empty).overtaken == ("2",)


KINDS = """
create schema "Odd One";
create table "Odd One"."T able" (id int);
alter table "Odd One"."T able" add column more int, add constraint positive check (more > 0);
create view v as select 1 as one;
create materialized view m as select 1 as one;
create type mood as enum ('good');
create type pair as (a int, b int);
create domain positive as int check (value > 0);
create sequence s;
create function f(a int, b text) returns int language sql as 'select 1';
create index by_id on "Odd One"."T able" (id);
create policy "may read" on "Odd One"."T able" using (true);
create trigger no_op before update on "Odd One"."T able"
  for each row execute function suppress_redundant_updates_trigger();
"""


def test_what_a_migration_makes_is_found_in_the_catalogue(empty, make_project):
    project = make_project(**{"migrations/1_a.sql": KINDS})
    apply_migrations(empty, project)
    empty.execute("set search_path = ''")
    catalogue = read_catalogue(empty)
    (found,) = without_effect(project.migrations, {"1"}, catalogue, {})
    assert {name.partition(" ")[0] for name in found.missing} >= {
        *("schema", "table", "column", "constraint", "view", "type", "sequence"),
        *("function", "index", "policy", "trigger"),
    }
    assert not list(without_effect(project.migrations, {"1"}, catalogue, catalogue))
    assert not list(without_effect(project.migrations, set(), catalogue, {}))


def test_a_migration_of_which_something_is_there_took_effect(empty, make_project):
    project = make_project(**{"migrations/1_a.sql": "create table a (id int); create table b (id int)"})
    apply_migrations(empty, project)
    empty.execute("set search_path = ''")
    catalogue = read_catalogue(empty)
    without_b = {fact: text for fact, text in catalogue.items() if not fact[1].startswith("public.b")}
    assert not list(without_effect(project.migrations, {"1"}, catalogue, without_b))


def test_what_a_later_migration_drops_is_not_missed(empty, make_project):
    project = make_project(
        **{"migrations/1_a.sql": "create table a (id int)", "migrations/2_b.sql": "drop table a"}
    )
    apply_migrations(empty, project)
    empty.execute("set search_path = ''")
    assert not list(without_effect(project.migrations, {"1", "2"}, read_catalogue(empty), {}))
