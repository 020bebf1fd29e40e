"""Which migrations are rehearsed, on a copy of what."""

from __future__ import annotations


def test_without_a_deployed_database_the_newest_migration_is_rehearsed(rehearse):
    rehearsal = rehearse("alter table public.notes add column pinned boolean not null default false;")

    assert rehearsal.pending == ("20260202000000_next.sql",)
    assert rehearsal.complete
    assert not rehearsal.moot
    assert rehearsal.source == "the migrations up to 20260101000000_first.sql"
    assert {table.name for table in rehearsal.tables} == {"auth.users", "public.notes", "public.orgs"}
    assert not rehearsal.unfilled


def test_what_live_lacks_is_rehearsed_on_a_copy_of_live_with_what_was_changed_there_by_hand(rehearse):
    rehearsal = rehearse(
        "comment on column public.notes.by_hand is 'x';"
        "select cron.unschedule('nightly');"
        'drop policy "readers" on storage.objects;',
        live="alter table public.notes add column by_hand text;"
        "create function public.welcome() returns trigger language plpgsql as 'begin return new; end';"
        "create trigger welcome after insert on auth.users for each row execute function public.welcome();"
        'create policy "readers" on storage.objects for select to authenticated using (true);'
        "select cron.schedule('nightly', '0 3 * * *', 'select 1');",
        first="create extension pg_cron; create table public.notes (id bigint primary key);",
    )

    assert rehearsal.source == "a dump of live's definitions"
    assert rehearsal.refusals == ()
    assert rehearsal.notes == ()


def test_where_nothing_is_pending_the_newest_is_rehearsed_again(rehearse):
    rehearsal = rehearse("create index notes_due_idx on public.notes (due);", live="select 1", deployed=True)

    assert rehearsal.moot
    assert [step.place.line for step in rehearsal.steps] == [1]
    assert rehearsal.queries > 0


def test_what_does_not_apply_to_empty_tables_either_says_so(rehearse):
    rehearsal = rehearse("alter table public.note add column x text;")

    [refusal] = rehearsal.refusals
    assert refusal.empty
    assert (refusal.place.subject, refusal.sqlstate) == ("migrations/20260202000000_next.sql:1", "42P01")


def test_every_table_gets_rows_in_proportion_to_where_it_is_deployed(rehearse):
    rehearsal = rehearse("select 1;", rows=1000, expected={"public.notes": 2_000_000, "public.orgs": 400_000})

    rows = {table.name: table.rows for table in rehearsal.tables}
    assert rows["public.notes"] >= 1000
    assert 200 <= rows["public.orgs"] < 300
