"""What a failure leaves behind, and what a way back undoes."""

from __future__ import annotations

from shipworthy.probes.postgres.upgrade.reverse import down_migrations, misplaced_ways_back

ADD = "alter table public.notes add column x text;\ncreate index notes_x_idx on public.notes (x);\n"


def test_a_failure_or_a_killed_connection_leaves_the_version_before(rehearse):
    halfway = rehearse(ADD).halfway

    assert [(failure.how, failure.remains, failure.recorded) for failure in halfway] == [
        ("its connection was killed", (), False),
        ("failed at its end", (), False),
    ]
    assert all(failure.atomic and failure.facts > 10 for failure in halfway)


def test_what_stays_of_a_file_that_cannot_run_in_one_transaction_is_named(rehearse):
    [failure] = rehearse(
        "create index concurrently notes_due_idx on public.notes (due);\n"
        "alter table public.notes add column x text;"
    ).halfway

    assert not failure.atomic
    assert failure.remains == ("index public.notes.notes_due_idx",)


def test_a_file_that_commits_in_its_middle_leaves_what_it_committed(rehearse):
    [failure] = rehearse("begin;\nalter table public.notes add column x text;\ncommit;\nselect 1;").halfway

    assert failure.remains == ("column public.notes.x",)


def test_a_file_that_is_one_transaction_of_its_own_leaves_nothing(rehearse):
    rehearsal = rehearse("begin;\nalter table public.notes add column x text;\nselect 1;\ncommit;")

    assert [failure.remains for failure in rehearsal.halfway] == [()]
    assert {step.transaction for step in rehearsal.steps} == {0}


def test_up_down_up_ends_where_it_began(rehearse):
    [back] = rehearse(ADD, down="alter table public.notes drop column x;").back

    assert (back.refusal, back.left, back.again) == ("", (), ())
    assert back.survival
    assert (back.survival.lost, back.survival.dropped, back.survival.changes) == ({}, {}, ())


def test_what_a_way_back_forgets_is_named(rehearse):
    [back] = rehearse(
        "alter table public.notes add column x text; create table public.tags (name text);",
        down="alter table public.notes drop column x;",
    ).back

    assert "table public.tags" in back.left
    assert "up again" in back.refusal


def test_what_a_way_back_cannot_bring_back_is_named(rehearse):
    [back] = rehearse(
        "alter table public.notes drop column body;",
        down="alter table public.notes add column body text not null default '';",
    ).back

    assert [change.column for change in back.survival.changes] == ["body"]


def test_a_way_back_that_is_refused_says_where(rehearse):
    [back] = rehearse(ADD, down="drop table public.note;").back

    assert back.refusal.startswith("down: 20260202000000_next.sql:1: ")


def test_migrations_without_a_way_back_are_named(rehearse):
    assert rehearse(ADD).without_way_back == ("20260202000000_next.sql",)


def test_ways_back_that_the_cli_applies_are_found(make_project):
    project = make_project(
        **{
            "migrations/1_a.sql": "create table public.a (id integer);",
            "migrations/1_a.down.sql": "drop table public.a;",
            "migrations/2_b.sql": "-- migrate:up\nselect 1;\n-- Migrate:Down\nselect 2;",
            "migrations/3_c.sql": "-- downgrade the plan\nselect 1;",
            "migrations/down/1_a.sql": "drop table public.a;",
        }
    )

    assert [file.name for file, _ in misplaced_ways_back(project)] == ["1_a.down.sql", "2_b.sql"]
    assert list(down_migrations(project)) == ["1"]
