"""Schemas that make it hard end in worlds or in a reason, never in a crash."""

from __future__ import annotations

from shipworthy.probes.postgres.access.description import describe
from shipworthy.probes.postgres.access.model import A

from .built import assert_isomorphic


def test_tables_that_need_each_other_have_rows_that_point_to_each_other(build):
    built = build("""
        create table teams (
          id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users,
            captain uuid not null
        );
        create table players (id uuid primary key default gen_random_uuid(),
          team uuid not null references teams);
        alter table teams add constraint captains foreign key (captain) references players deferrable;
    """)

    assert_isomorphic(built.worlds)
    assert not built.worlds.missing
    players = {row.values["id"]: row.world for row in built.worlds.by_table["public.players"]}
    assert all(players[row.values["captain"]] == row.world for row in built.worlds.by_table["public.teams"])
    (back,) = built.connection.execute(
        "select count(*) from pg_constraint where conname = 'captains'"
    ).fetchone()
    assert back == 1


def test_a_circle_that_may_be_empty_is_closed_afterwards(build):
    built = build("""
        create table profiles (id uuid primary key references auth.users, home uuid);
        create table homes (id uuid primary key default gen_random_uuid(),
          owner uuid not null references profiles);
        alter table profiles add foreign key (home) references homes;
    """)

    assert_isomorphic(built.worlds)
    homes = {row.values["id"]: row.world for row in built.worlds.by_table["public.homes"]}
    assert all(homes[row.values["home"]] == row.world for row in built.worlds.by_table["public.profiles"])


def test_rows_refer_to_rows_of_their_own_table(build):
    built = build("""
        create table folders (
          id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users,
          parent_id uuid references folders, root_id uuid not null references folders
        );
    """)

    assert_isomorphic(built.worlds)
    assert not built.worlds.missing
    folders = {row.values["id"]: row.world for row in built.worlds.by_table["public.folders"]}
    assert all(folders[row.values["root_id"]] == row.world for row in built.worlds.by_table["public.folders"])


def test_two_people_of_one_world_where_one_alone_is_forbidden(build):
    built = build("""
        create table letters (
          id serial primary key, sender_id uuid not null references auth.users,
          recipient_id uuid not null references auth.users, body text, check (sender_id <> recipient_id)
        );
    """)

    assert_isomorphic(built.worlds)
    assert not built.worlds.missing
    assert not built.worlds.lifted
    people = {str(p.user) for p in (built.worlds.people.admin, built.worlds.people.member)}
    assert all(
        {r.values["sender_id"], r.values["recipient_id"]} == people
        for r in built.worlds.of("public.letters", A)
    )


def test_one_membership_a_user_means_nobody_is_in_both_worlds(build):
    built = build("""
        create table clubs (id serial primary key, name text);
        create table club_members (
          id serial primary key, club_id int not null references clubs,
            user_id uuid not null unique references auth.users
        );
        create table games (id serial primary key, club_id int not null references clubs);
        alter table games enable row level security;
        create policy a on games for all to authenticated
          using (exists (select from club_members m where m.club_id = games.club_id
            and m.user_id = auth.uid()));
    """)

    assert_isomorphic(built.worlds)
    assert built.worlds.people.both is None
    assert built.worlds.people.former
    assert len(built.worlds.of("public.club_members", A)) == 2
    assert "no member of both worlds" in describe(built.worlds)


def test_a_table_whose_row_cannot_be_made_is_named_with_its_children(build):
    built = build("""
        create table vaults (id serial primary key, user_id uuid not null references auth.users);
        create function never() returns trigger language plpgsql as $$ begin return null; end $$;
        create table coins (id serial primary key,
          vault_id int not null references vaults) partition by list (id);
        create table marks (id serial primary key, coin_id int not null);
        alter table marks add foreign key (coin_id) references coins;
    """)

    assert {"public.coins", "public.marks"} <= set(built.worlds.missing)
    assert "public.coins" in built.worlds.missing["public.marks"]
    assert_isomorphic(built.worlds)


def test_quoted_and_unicode_names_are_names(build):
    built = build("""
        create schema "Größe";
        create table "Größe"."Order" (
          "Id" uuid primary key default gen_random_uuid(), "userId" uuid not null references auth.users,
            "group" text
        );
        create table "Größe"."order item" ("order" uuid not null references "Größe"."Order",
          "a""b" boolean not null);
        alter table "Größe"."Order" enable row level security;
        alter table "Größe"."order item" enable row level security;
        create policy "eins, zwei" on "Größe"."Order" for all using ("userId" = auth.uid()
          or "group" = 'alle');
        create policy "drei" on "Größe"."order item" for all
          using ("a""b" and exists (select from "Größe"."Order" o where o."Id" = "order"
            and o."userId" = auth.uid()));
    """)

    assert_isomorphic(built.worlds)
    assert not built.worlds.missing
    assert {row.values['"a""b"'] for row in built.worlds.of('"Größe"."order item"', A)} == {"true", "false"}


def test_functions_that_cannot_be_read_say_nothing_and_break_nothing(build):
    built = build("""
        create table things (id serial primary key, user_id uuid not null references auth.users, kind text);
        create function dynamic(k text) returns boolean language plpgsql stable as $$
          declare answer boolean;
          begin execute format('select %L = ''a''', k) into answer; return answer; end $$;
        create function deep(n int) returns boolean language sql stable as $$ select n < 1 or n > 5 $$;
        create function around(n int) returns boolean language plpgsql stable as
          $$ begin return deep(n) or around(n - 1); end $$;
        alter table things enable row level security;
        create policy a on things for all to authenticated using (user_id = auth.uid()
          and dynamic(kind) and around(id));
        create policy b on things for select to authenticated using (
          exists (select from things t where t.id = things.id)
        );
    """)

    assert_isomorphic(built.worlds)
    assert built.worlds.of("public.things", A)


def test_a_project_without_tables_has_people_and_nothing_else(build):
    built = build()

    assert not built.worlds.missing
    assert not built.worlds.owned
    assert [person.name for person in built.worlds.people.everyone] == [
        "anon",
        "anonymous",
        "stranger",
        "member",
        "admin",
        "service_role",
    ]


def test_a_former_membership_that_a_trigger_keeps_goes_all_the_same(build):
    built = build("""
        create table orgs (id serial primary key);
        create table members (org_id int references orgs, user_id uuid references auth.users,
          primary key (org_id, user_id));
        create table files (id serial primary key, org_id int not null references orgs);
        create function keep() returns trigger language plpgsql as
          $$ begin raise exception 'members stay'; end $$;
        create trigger keep before delete on members for each row execute function keep();
        alter table files enable row level security;
        create policy a on files for all to authenticated
          using (org_id in (select m.org_id from members m where m.user_id = auth.uid()));
    """)

    assert built.worlds.people.former
    assert built.reads(built.worlds.people.former, "files") == set()
    assert [item.kind for item in built.worlds.lifted] == ["trigger"]


def test_bodies_with_types_of_the_project_are_read(build):
    built = build("""
        create type rank as enum ('guest', 'host');
        create table houses (id serial primary key, name text);
        create table keys (
          house_id int references houses, user_id uuid references auth.users, rank rank default 'guest',
          primary key (house_id, user_id)
        );
        create table rooms (id serial primary key, house_id int not null references houses, name text);
        create function may(house int, wanted public.rank) returns boolean
        language plpgsql stable security definer as $$
        declare
          mine public.keys%rowtype;
          held public.rank := 'guest';
        begin
          select k.* into mine from public.keys as k where k.house_id = house and k.user_id = auth.uid();
          held := mine.rank;
          return held = 'host' or held = wanted;
        end $$;
        alter table rooms enable row level security;
        create policy a on rooms for select to authenticated using (may(house_id, 'guest'));
        create policy b on rooms for delete to authenticated using (may(house_id, 'host'));
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.memberships == {"public.keys"}
    ranks = {row.person: row.values["rank"] for row in worlds.of("public.keys", A)}
    assert ranks[str(worlds.people.admin.user)] == "host"
    assert ranks[str(worlds.people.member.user)] == "guest"


def test_a_policy_too_deep_to_read_says_nothing(build):
    deep = "n"
    for _ in range(1500):
        deep = f"({deep} + 1)"
    built = build(f"""
        create table things (id serial primary key, user_id uuid not null references auth.users, n int);
        alter table things enable row level security;
        create policy a on things for all to authenticated using (user_id = auth.uid() and {deep} > 0);
    """)

    assert_isomorphic(built.worlds)


def test_settings_that_have_one_row_are_nobodys(build):
    built = build("""
        create table settings (
          id boolean primary key default true check (id), color text, changed_by uuid references auth.users
        );
        create table flags (
          id int primary key default 1 check (id = 1), color text, changed_by uuid references auth.users
        );
    """)

    assert not built.worlds.missing
    assert [
        row.world for table in ("settings", "flags") for row in built.worlds.of(f"public.{table}", "")
    ] == ["", ""]
