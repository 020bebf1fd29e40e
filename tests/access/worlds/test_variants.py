"""Rows stand on both sides of what policies compare, so that every opening is seen."""

from __future__ import annotations

import pytest

from shipworthy.probes.postgres.access.model import A

from .built import assert_isomorphic


def sides(built, table):
    return {str(variant) for row in built.worlds.of(table, A) for variant in row.variants}


@pytest.mark.parametrize(
    ("column", "policy", "expected"),
    [
        (
            "is_public boolean not null default false",
            "is_public",
            {"is_public = 'true'", "is_public = 'false'"},
        ),
        ("hidden boolean", "hidden is not true", {"hidden = 'true'", "hidden = 'false'"}),
        ("hidden boolean default true", "not hidden", {"hidden = 'true'", "hidden = 'false'"}),
        ("status text default 'draft'", "status = 'published'", {"status = 'published'", "status = 'draft'"}),
        (
            "visibility text not null check (visibility in ('private', 'link', 'public'))",
            "visibility in ('link', 'public')",
            {"visibility = 'link'", "visibility = 'public'", "visibility = 'private'"},
        ),
        (
            "sharing text not null default 'private'",
            "sharing <> 'private'",
            {"sharing = 'private'", "sharing = 'other'"},
        ),
        ("level int not null default 0", "level >= 3", {"level = '4'", "level = '2'"}),
    ],
)
def test_rows_stand_on_both_sides_of_a_comparison(build, column, policy, expected):
    built = build(f"""
        create table posts (id serial primary key, user_id uuid not null references auth.users, {column});
        alter table posts enable row level security;
        create policy a on posts for select using (user_id = auth.uid() or {policy});
    """)

    assert_isomorphic(built.worlds)
    assert sides(built, "public.posts") == expected
    assert built.reads(built.worlds.people.anon, "posts"), "the opening is seen"
    assert built.reads(built.worlds.people.anon, "posts") != {r.token for r in built.worlds.rows}
    assert not built.worlds.lifted


def test_what_is_empty_or_over_has_two_sides_too(build):
    built = build("""
        create table offers (
          id serial primary key, user_id uuid not null references auth.users, deleted_at timestamptz,
          ends_at timestamptz not null default now()
        );
        alter table offers enable row level security;
        create policy a on offers for select using (deleted_at is null and ends_at > now());
    """)

    rows = built.worlds.of("public.offers", A)
    assert {row.values["deleted_at"] is None for row in rows} == {True, False}
    assert len({row.values["ends_at"] for row in rows}) == 2
    seen = built.reads(built.worlds.people.anon, "offers")
    assert seen
    assert {row.token for row in rows} - seen


def test_an_opening_that_asks_for_two_things_is_seen(build):
    built = build("""
        create table pages (
          id serial primary key, user_id uuid not null references auth.users,
            is_public boolean not null, status text
        );
        alter table pages enable row level security;
        create policy a on pages for select using (is_public and status = 'live');
    """)

    rows = built.worlds.of("public.pages", A)
    assert {(row.values["is_public"], row.values["status"]) for row in rows} == {
        ("true", "live"),
        ("true", "other"),
        ("false", "live"),
        ("false", "other"),
    }


def test_children_follow_the_sides_of_their_parents(build):
    built = build("""
        create table albums (id serial primary key, user_id uuid not null references auth.users,
          open boolean not null);
        create table pictures (id serial primary key, album_id int not null references albums, path text);
        alter table albums enable row level security;
        alter table pictures enable row level security;
        create function is_open(album int) returns boolean language sql stable security definer as
          $$ select open from public.albums where id = album $$;
        create policy a on albums for all to authenticated using (user_id = auth.uid());
        create policy b on pictures for select using (is_open(album_id));
    """)

    albums = {row.values["id"]: row.values["open"] for row in built.worlds.by_table["public.albums"]}
    assert {albums[row.values["album_id"]] for row in built.worlds.of("public.pictures", A)} == {
        "true",
        "false",
    }


def test_what_a_trigger_makes_of_a_compared_value_is_put_back(build):
    built = build("""
        create table ads (id serial primary key, user_id uuid not null references auth.users,
          approved boolean not null);
        create function wait() returns trigger language plpgsql as
          $$ begin new.approved := false; return new; end $$;
        create trigger wait before insert or update on ads for each row execute function wait();
        alter table ads enable row level security;
        create policy a on ads for select using (approved or user_id = auth.uid());
    """)

    assert sides(built, "public.ads") == {"approved = 'true'", "approved = 'false'"}
    assert [(item.table, item.kind) for item in built.worlds.lifted] == [("public.ads", "trigger")]


def test_sides_that_break_a_check_are_left_out_and_the_check_stays(build):
    built = build("""
        create table stays (
          id serial primary key, user_id uuid not null references auth.users, starts_on date not null,
          ends_on date not null, check (ends_on >= starts_on)
        );
        alter table stays enable row level security;
        create policy a on stays for select using (starts_on < now() and ends_on > now());
    """)

    assert not built.worlds.lifted
    assert built.worlds.of("public.stays", A)
