"""Triggers, defaults and checks that refuse every row: heeded as far as they can be, then lifted alone."""

from __future__ import annotations

from typing import Any

import psycopg

from shipworthy.probes.postgres.access.rows import Wanted

from .made import MakerOf, made

Connection = psycopg.Connection[Any]


def test_a_check_that_nothing_satisfies_is_lifted_alone(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table t (a text not null constraint impossible check (md5(a) = 'x')
                                        constraint possible check (a = lower(a)));
    """)

    row = made(maker.insert("public.t", {}, "Token1"))

    assert row.values == {"a": "token1"}
    assert [(each.table, each.name, each.kind) for each in maker.lifted] == [
        ("public.t", "impossible", "check")
    ]
    assert "impossible" in maker.lifted[0].reason


def test_a_domains_impossible_check_is_lifted(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create domain odd as int constraint never check (value = value + 1);
        create table t (a odd not null);
    """)

    made(maker.insert("public.t", {}, "token1"))

    assert [(each.table, each.name, each.kind) for each in maker.lifted] == [
        ("public.odd", "never", "domain check")
    ]


def test_of_several_triggers_only_the_raising_one_is_disabled(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table t (a text, touched boolean);
        create function touch() returns trigger language plpgsql as
          'begin new.touched := true; return new; end';
        create function refuse() returns trigger language plpgsql as $$ begin raise 'never'; end $$;
        create trigger "a Trigger" before insert on t for each row execute function refuse();
        create trigger touching before insert on t for each row execute function touch();
    """)

    row = made(maker.insert("public.t", {}, "token1"))

    assert row.values == {"a": "token1", "touched": "true"}
    assert [(each.name, each.kind) for each in maker.lifted] == [('"a Trigger"', "trigger")]
    assert "never" in maker.lifted[0].reason


def test_a_trigger_that_swallows_the_row_is_disabled(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table t (a text);
        create function swallow() returns trigger language plpgsql as 'begin return null; end';
        create trigger swallowing before insert on t for each row execute function swallow();
    """)

    results = maker.insert_many("public.t", [Wanted({}, "token1"), Wanted({}, "token2")])

    assert [made(row).values["a"] for row in results] == ["token1", "token2"]
    assert [each.name for each in maker.lifted] == ["swallowing"]


def test_what_a_trigger_compares_with_is_tried_before_it_is_disabled(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table t (kind text not null, note text);
        create function demand() returns trigger language plpgsql as $$ begin
          if new.kind not in ('cat', 'dog') then raise exception 'no such kind: %', new.kind; end if;
          return new;
        end $$;
        create trigger demanding before insert on t for each row execute function demand();
    """)

    row = made(maker.insert("public.t", {}, "token1"))

    assert row.values["kind"] in {"cat", "dog"}
    assert maker.lifted == ()


def test_a_trigger_that_asks_who_calls_is_told(maker_of: MakerOf, space: Connection) -> None:
    maker = maker_of("""
        create table notes (owner uuid not null references auth.users, author uuid not null, body text);
        create function sign() returns trigger language plpgsql as
          'begin new.author := auth.uid(); return new; end';
        create trigger signing before insert on notes for each row execute function sign();
    """)
    user = made(maker.insert("auth.users", {}, "token1")).values["id"]

    space.execute("set local request.jwt.claims = 'as before'")

    row = made(maker.insert("public.notes", {"owner": user}, "token2"))

    assert row.values["author"] == user
    assert maker.lifted == ()
    assert space.execute("show request.jwt.claims").fetchone() == ("as before",)


def test_what_a_signup_trigger_reads_is_there(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table profiles (id uuid primary key references auth.users, name text not null);
        create function welcome() returns trigger language plpgsql security definer set search_path = '' as $$
          begin insert into public.profiles values (new.id, new.raw_user_meta_data ->> 'full_name');
          return new; end $$;
        create trigger welcoming after insert on auth.users for each row execute function welcome();
    """)

    user = made(maker.insert("auth.users", {}, "token1"))
    profile = made(maker.insert("public.profiles", {"id": user.values["id"]}, "token2"))

    assert maker.lifted == ()
    assert profile.existing
    assert profile.values["name"] == "token1"


def test_what_sleeps_gives_way(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create function slow() returns text language plpgsql as
          $$ begin perform pg_sleep(60); return 'x'; end $$;
        create function slow_trigger() returns trigger language plpgsql as
          $$ begin perform pg_sleep(60); return new; end $$;
        create table by_default (a text default slow());
        create table by_trigger (a text);
        create trigger sleeping before insert on by_trigger for each row execute function slow_trigger();
    """)

    assert made(maker.insert("public.by_default", {}, "token1")).values == {"a": "token1"}
    assert made(maker.insert("public.by_trigger", {}, "token2")).values == {"a": "token2"}
    assert [each.name for each in maker.lifted] == ["sleeping"]


def test_what_raises_gives_way(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create function boom() returns text language plpgsql as $$ begin raise 'boom'; end $$;
        create function bang(text) returns boolean language plpgsql immutable as
          $$ begin raise 'bang'; end $$;
        create table by_default (a text default boom());
        create table by_check (a text constraint banging check (bang(a)));
        create table by_generation (d jsonb, a int generated always as ((d ->> 'n')::int) stored);
    """)

    for table in ("by_default", "by_check", "by_generation"):
        made(maker.insert(f"public.{table}", {}, "token1"))
    assert [each.name for each in maker.lifted] == ["banging"]


def test_rows_that_exclude_each_other_are_made_apart_or_the_constraint_is_lifted(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table booking (during tstzrange, exclude using gist (during with &&));
        create table spot (place int4range not null check (place @> 5),
                           constraint apart exclude using gist (place with &&));
    """)

    for table in ("booking", "spot"):
        for row in maker.insert_many(f"public.{table}", [Wanted({}, f"token{n}") for n in range(3)]):
            made(row)
    assert [each.name for each in maker.lifted] == ["apart"]


def test_nothing_is_lifted_for_a_row_before_those_that_need_it_not_are_in(
    maker_of: MakerOf, space: Connection
) -> None:
    maker = maker_of("""
        create table profiles (id uuid primary key references auth.users, email text not null);
        create function welcome() returns trigger language plpgsql security definer set search_path = '' as
          $$ begin insert into public.profiles values (new.id, new.email); return new; end $$;
        create trigger welcoming after insert on auth.users for each row execute function welcome();
    """)
    emails = ("a@example.com", None, "b@example.com")

    results = maker.insert_many(
        "auth.users", [Wanted({"email": e}, f"token{n}") for n, e in enumerate(emails)]
    )

    assert [made(row).values["email"] for row in results] == list(emails)
    assert [each.name for each in maker.lifted] == ["welcoming"]
    assert space.execute("select count(*) from profiles").fetchone() == (2,)
