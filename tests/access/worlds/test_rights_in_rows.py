"""Rights that lie in rows and in tokens: of operators and roles, by names of permissions, for one tenant."""

from __future__ import annotations

import json

from shipworthy.probes.postgres.access.contract import Contract
from shipworthy.probes.postgres.access.crossings import Crossings
from shipworthy.probes.postgres.access.intent import Intent
from shipworthy.probes.postgres.access.matrix import measure_access
from shipworthy.probes.postgres.access.model import A, B
from shipworthy.probes.postgres.access.schema import read_schema

STRUCTURE = """
create table people (
  id uuid primary key references auth.users on delete cascade,
  status text not null default 'pending' check (status in ('pending', 'active'))
);
create table roles (key text primary key);
insert into roles values ('boss'), ('clerk');
create table people_roles (
  user_id uuid primary key references people, role_key text not null references roles
);
create table sites (id serial primary key, owner_id uuid not null references auth.users);
create table budgets (id serial primary key, site_id int not null references sites);
create function is_boss() returns boolean language sql stable security definer as $$
  select exists (select from people p join people_roles r on r.user_id = p.id
    where p.id = auth.uid() and p.status = 'active' and r.role_key = 'boss') $$;
alter table people enable row level security;
alter table sites enable row level security;
alter table budgets enable row level security;
create policy own on sites for select to authenticated using (owner_id = auth.uid());
create policy bosses on budgets for select to authenticated using (site_id is not null and is_boss());
"""


def measured(built):
    schema = read_schema(built.connection, ["public"])
    matrix = measure_access(built.connection, schema, built.worlds)
    return Crossings(built.worlds, matrix, schema, Intent(Contract(), matrix, built.worlds))


def test_what_operators_alone_read_is_denied_to_nobody(build):
    found = measured(build(STRUCTURE))
    assert "public.budgets" in found.matrix.operators
    assert list(found.denied_to_members()) == []
    assert "operator" not in {cell.persona for cell in found.matrix.cells}


def test_what_even_operators_do_not_read_is_denied(build):
    found = measured(build(STRUCTURE.replace("r.role_key = 'boss'", "r.role_key = 'nobody'")))
    assert [cell.relation for cell, _ in found.denied_to_members()] == ["public.budgets"]


def test_a_permission_that_stands_nowhere_is_named(build):
    built = build("""
        create table groups (
          id uuid primary key default gen_random_uuid(), owner_id uuid not null references auth.users);
        create table files (id serial primary key, group_id uuid not null references groups);
        create function may(g uuid, what text) returns boolean language plpgsql stable as
          $$ begin return current_setting('request.may', true)::jsonb -> g::text ? what; end $$;
        alter table groups enable row level security;
        alter table files enable row level security;
        create policy own on groups for select to authenticated using (owner_id = auth.uid());
        create policy readers on files for select to authenticated using (may(group_id, 'files.read'));
    """)
    assert built.worlds.opaque == {"public.files": "the permission 'files.read', which stands in no row"}


def test_a_table_of_permissions_that_a_helper_looks_into_is_named(build):
    built = build("""
        create table rights (role text not null, what text not null, primary key (role, what));
        create table sites (id serial primary key, owner_id uuid not null references auth.users);
        create function may(what text) returns boolean language plpgsql stable security definer as
          $$ begin return (select true from public.rights r where r.what = may.what limit 1); end $$;
        alter table sites enable row level security;
        create policy readers on sites for select to authenticated
          using (owner_id is not null and may(id::text));
    """)
    assert built.worlds.opaque == {"public.sites": "public.rights, whose rows are made up"}


def test_a_trigger_that_kept_rows_out_stands_again_when_access_is_tried(build):
    built = build("""
        create table sites (id serial primary key, owner_id uuid not null references auth.users, name text);
        create function closed() returns trigger language plpgsql as
          $$ begin raise exception 'no sites any more'; end $$;
        create trigger closed before insert on sites for each row execute function closed();
        alter table sites enable row level security;
        create policy own on sites to authenticated using (true) with check (true);
    """)
    assert [(lifted.table, lifted.kind) for lifted in built.worlds.lifted] == [("public.sites", "trigger")]
    assert built.worlds.of("public.sites", A)
    schema = read_schema(built.connection, ["public"])
    cells = measure_access(built.connection, schema, built.worlds).tried("public.sites", "insert")
    assert {cell.outcome for cell in cells} == {"raised"}


def test_tokens_say_until_when_they_are_good(build):
    built = build("create table sites (id serial primary key, owner_id uuid references auth.users);")
    claims = json.loads(built.worlds.people.member.claims)
    assert claims["iat"] < claims["exp"]


HOUSEHOLDS = """
create table homes (
  id uuid primary key default gen_random_uuid(), created_by uuid not null references auth.users);
create table living (home_id uuid references homes, user_id uuid references auth.users,
  role text not null default 'member' check (role in ('owner', 'member')), primary key (home_id, user_id));
create table things (id serial primary key, home_id uuid not null references homes,
  maker uuid not null references auth.users);
create table photos (id serial primary key, thing_id int not null references things,
  created_by uuid not null default auth.uid() references auth.users);
create function lives(home uuid, need text) returns boolean language sql stable security definer as $$
  select exists (select from living l where l.home_id = home and l.user_id = auth.uid()
    and (l.role = 'owner' or need = 'member')) $$;
create function home_of(thing int) returns uuid language sql stable security definer as
  $$ select home_id from things t where t.id = thing $$;
create function own_home() returns trigger language plpgsql security definer as $$ begin
  insert into homes (created_by) values (new.id); return new; end $$;
create function first_owner() returns trigger language plpgsql security definer as $$ begin
  insert into living values (new.id, new.created_by, 'owner'); return new; end $$;
create trigger own_home after insert on auth.users for each row execute function own_home();
create trigger first_owner after insert on homes for each row execute function first_owner();
alter table homes enable row level security;
alter table living enable row level security;
alter table things enable row level security;
alter table photos enable row level security;
create policy a on homes for select to authenticated using (lives(id, 'member'));
create policy a on living for select to authenticated using (lives(home_id, 'member'));
create policy b on living for update to authenticated using (lives(home_id, 'owner'));
create policy a on things to authenticated using (lives(home_id, 'member'));
create policy a on photos to authenticated using (lives(home_of(thing_id), 'member'));
"""


def test_who_owns_a_home_of_its_own_raises_no_rank_in_another(build):
    assert [cell.persona for cell in measured(build(HOUSEHOLDS)).raised()] == []


def test_who_may_put_another_name_under_a_row_of_its_own_plants_it_with_nobody(build):
    moved = [cell.relation for cell in measured(build(HOUSEHOLDS)).users_wrote("move")]
    assert "public.photos" not in moved


def test_a_claim_may_choose_one_of_several_memberships(build):
    built = build("""
        create table firms (id uuid primary key default gen_random_uuid(), name text);
        create table staff (user_id uuid references auth.users, firm_id uuid references firms,
          primary key (user_id, firm_id));
        create table letters (id serial primary key, firm_id uuid not null references firms, text text);
        create table entries (id serial primary key, firm_id uuid not null references firms, text text);
        create function firm() returns uuid language sql stable as
          $$ select (auth.jwt() -> 'app_metadata' ->> 'firm_id')::uuid $$;
        create function works_at(firm uuid) returns boolean language sql stable security definer as
          $$ select exists (select from staff s where s.firm_id = firm and s.user_id = auth.uid()) $$;
        alter table letters enable row level security;
        alter table entries enable row level security;
        create policy a on letters for select to authenticated using (works_at(firm_id));
        create policy b on entries for select to authenticated using (firm_id = firm());
    """)
    people, entries, letters = built.worlds.people, "public.entries", "public.letters"

    assert built.reads(people.both, "letters") == built.tokens(letters, A) | built.tokens(letters, B)
    assert built.reads(people.both, "entries") == built.tokens(entries, A) != set()
    assert built.reads(people.switched, "entries") == built.tokens(entries, B) != set()
    matrix = measure_access(built.connection, read_schema(built.connection, ["public"]), built.worlds)
    of_both = [cell for cell in matrix.tried(entries, "select") if cell.persona == people.both.name]
    assert {(cell.case, cell.reached) for cell in of_both} == {("in A", True), ("in B", True)}
