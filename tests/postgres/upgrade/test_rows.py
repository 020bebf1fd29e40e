"""Whether rows let a migration pass, and whether they survive it."""

from __future__ import annotations

import pytest

from tests.postgres.upgrade.conftest import FIRST

ORG = "insert into public.orgs (id, name) values ('00000000-0000-4000-8000-000000000001', 'one');"
NOTE = "insert into public.notes (org_id, body) values ('00000000-0000-4000-8000-000000000001', 'same');"


def test_a_required_column_without_a_value_is_refused_whatever_the_rows(rehearse):
    [refusal] = rehearse("alter table public.notes add column author uuid not null;").refusals

    assert (refusal.sqlstate, refusal.about_rows, refusal.empty) == ("23502", False, False)
    assert refusal.place.head == "alter table public.notes add column author uuid not null"


BROKEN = {
    "alter table public.notes add unique (body)": "23505",
    "create unique index on public.notes (body) where status = 'open'": "23505",
    "alter table public.notes alter column due set not null": "23502",
    "alter table public.notes add check (body <> 'same')": "23514",
    "alter table public.notes add foreign key (body) references public.orgs (name)": "23503",
    "alter table public.orgs alter column code type integer using code::integer": "22P02",
}


def test_live_is_asked_for_rows_that_break_a_statement_before_any_of_it_runs(rehearse):
    first = FIRST + "alter table public.orgs add column code text;"
    rehearsal = rehearse(*BROKEN, first=first, live=ORG + NOTE + NOTE + "update public.orgs set code = 'x';")

    found = {refusal.place.sql: refusal for refusal in rehearsal.refusals}
    assert {sql: refusal.sqlstate for sql, refusal in found.items()} == BROKEN
    assert all(refusal.about_rows and refusal.live_rows for refusal in found.values())


def test_rows_that_live_does_not_have_break_nothing_and_the_rehearsal_goes_on(rehearse):
    rehearsal = rehearse(
        "alter table public.notes add unique (body);",
        "update public.notes set due = now(); alter table public.notes alter column due set not null;",
        live=ORG + NOTE,
    )

    assert [refusal.live_rows for refusal in rehearsal.refusals] == [0]
    assert rehearsal.complete
    assert len(rehearsal.steps) == 3


@pytest.fixture(scope="module")
def survival(rehearse):
    """Of the rows of a table each, in one migration."""
    tables = ("moved", "doubled", "emptied", "parents", "gone", "remade", "updated", "retyped")
    return rehearse(
        """
        alter table public.moved rename to kept; alter table public.kept rename column body to content;
        alter table public.kept add column x integer default 1;
        alter table public.doubled drop column body;
        alter table public.doubled add column body text default '';
        alter table public.emptied alter column body type date using null;
        delete from public.parents;
        drop table public.gone;
        create table public.new (like public.remade including all);
        insert into public.new select * from public.remade;
        drop table public.remade; alter table public.new rename to remade;
        update public.updated set body = 'x';
        alter table public.retyped alter column body type varchar(900);
        """,
        first="".join(f"create table public.{name} (id integer primary key, body text);" for name in tables)
        + "create table public.children (id integer primary key,"
        " parent integer not null references public.parents (id) on delete cascade);",
        expected={},
    ).survival


def test_every_column_of_every_table_is_compared(survival):
    assert (survival.tables, survival.rows > 4000) == (10, True)


def test_values_that_are_lost_are_named_and_moved_ones_are_not(survival):
    assert {(change.table, change.column, change.kind) for change in survival.changes} == {
        ("public.doubled", "body", "replaced"),
        ("public.emptied", "body", "emptied"),
    }


def test_rows_that_go_by_cascade_are_lost(survival):
    assert list(survival.lost) == ["public.children"]


def test_a_table_that_goes_is_named_with_its_rows(survival):
    assert list(survival.dropped) == ["public.gone"]
    assert survival.dropped["public.gone"] >= 200


def test_what_a_statement_says_that_it_does_is_named_and_is_no_loss(survival):
    assert {text.split(":")[0] for text in survival.named} == {
        "public.parents",
        "public.updated.body",
        "public.retyped.body",
    }
