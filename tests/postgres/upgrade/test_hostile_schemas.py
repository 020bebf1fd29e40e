"""Schemas of every kind are filled and rehearsed, or say why not; nothing hangs, nothing crashes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from shipworthy.probes.postgres.upgrade.timeline import draw_locks

ODD = '"Größe & <Maß>"."Tabelle ""eins"""'
HOSTILE = """
create schema "Größe & <Maß>";
create type public.mood as enum ('gut', 'schlecht');
create domain public.email as text check (value ~ '^[^@ ]+@[^@ ]+[.][a-z]{2,}$');
create domain public.work_email as public.email check (value not like '%.private');
create table {odd} (
  "Schlüssel" public.work_email primary key,
  "select" public.mood not null,
  spans tstzrange not null default tstzrange(now(), null),
  tags text[] not null default '{}',
  doubled integer generated always as (length("Schlüssel"::text) * 2) stored
);
create table public.a (id integer primary key, b_id integer);
create table public.b (id integer primary key, a_id integer references public.a (id));
alter table public.a add foreign key (b_id) references public.b (id) deferrable initially deferred;
create table public.tree (id uuid primary key default gen_random_uuid(),
  parent uuid references public.tree (id));
create table public.events (id bigint, at timestamptz not null, kind text, primary key (id, at, kind))
  partition by range (at);
create table public.events_now partition of public.events default partition by list (kind);
create table public.events_now_any partition of public.events_now default;
create table public.rooms (room integer, during tstzrange, exclude using gist (during with &&));
create function public.never() returns trigger language plpgsql as 'begin raise exception ''never''; end';
create trigger never before insert or update or delete on public.rooms for each row
  execute function public.never();
create table public.nothing ();
create table public.impossible (id integer primary key check (id > 5 and id < 4));
create table public.{long} (id serial primary key, v numeric(4, 2), c char(3) unique, d date unique);
create view public.all_a as select * from public.a;
create materialized view public.counted as select count(*) from public.a;
""".replace("{long}", "n" * 63).replace("{odd}", ODD)


def test_a_hostile_schema_is_filled_and_rehearsed(rehearse):
    rehearsal = rehearse(
        f"alter table {ODD} add column x text default random()::text;"
        "alter table public.rooms add column x text; refresh materialized view public.counted;"
        "alter table public.events add column note text;",
        first=HOSTILE,
        live="select 1",
        expected={},
    )

    assert rehearsal.complete, rehearsal.refusals
    rows = {table.name: table.rows for table in rehearsal.tables}
    assert list(rehearsal.unfilled) == ["public.impossible", "public.nothing"]
    assert rows[ODD] >= 50
    assert rows["public.events"] >= 50
    assert rows[f"public.{'n' * 63}"] >= 50
    assert rehearsal.steps[0].rewritten == (ODD,)
    assert [failure.remains for failure in rehearsal.halfway] == [(), ()]
    assert rehearsal.survival.changes == ()
    ET.fromstring(draw_locks(rehearsal))


def test_a_table_with_as_many_columns_as_there_can_be_is_compared(rehearse):
    columns = ", ".join(f"c{number} integer" for number in range(1599))
    rehearsal = rehearse(
        "update public.wide set c0 = 1;",
        first=f"create table public.wide (id integer primary key, {columns});",
        rows=50,
    )

    assert rehearsal.complete
    assert rehearsal.survival.columns >= 1600


def test_a_project_without_any_table_is_rehearsed(rehearse):
    rehearsal = rehearse("create table public.first (id integer);", first="select 1;", expected={})

    assert rehearsal.complete
    assert rehearsal.steps
    ET.fromstring(draw_locks(rehearsal))


def test_a_migration_that_locks_itself_out_is_refused_and_not_waited_for(rehearse, monkeypatch):
    monkeypatch.setattr(
        "shipworthy.probes.postgres.upgrade.running.LIMITS", "set statement_timeout = '300ms'"
    )
    rehearsal = rehearse("select pg_sleep(60);")

    assert [refusal.sqlstate for refusal in rehearsal.refusals] == ["57014"]
