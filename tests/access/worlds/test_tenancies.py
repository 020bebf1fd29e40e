"""Whose a row is, is found out whichever way a project says it."""

from __future__ import annotations

import pytest

from shipworthy.probes.postgres.access.model import A, B

from .built import assert_isomorphic

PROFILE_STYLE = """
create table companies (id uuid primary key default gen_random_uuid(), name text not null);
create table profiles (
  id uuid primary key references auth.users on delete cascade, company_id uuid references companies,
  role text not null default 'employee' check (role in ('employee', 'boss')),
    is_operator boolean not null default false
);
create function sign_up() returns trigger language plpgsql security definer set search_path = '' as
$$ begin insert into public.profiles (id) values (new.id); return new; end $$;
create trigger sign_up after insert on auth.users for each row execute function sign_up();
create table invoices (id serial primary key, company_id uuid not null references companies, total numeric);
create function my_company() returns uuid language sql stable security definer set search_path = '' as
$$ select company_id from public.profiles where id = auth.uid() $$;
alter table companies enable row level security;
alter table profiles enable row level security;
alter table invoices enable row level security;
create policy a on companies for select to authenticated using (id = my_company());
create policy b on profiles for select to authenticated using (company_id = my_company());
create policy c on invoices for all to authenticated using (
  company_id = my_company()
  or exists (select from profiles p where p.id = (select auth.uid()) and p.is_operator)
);
"""


def test_a_membership_may_be_a_column_of_the_profile(build):
    built = build(PROFILE_STYLE)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.memberships == {"public.profiles"}
    assert worlds.roots == {"public.companies"}
    assert built.reads(worlds.people.member, "invoices") == built.tokens("public.invoices", A) != set()
    assert worlds.people.both is None, "one company a profile"
    assert built.reads(worlds.people.former, "invoices") == set()
    roles = {row.person: row.values["role"] for row in worlds.of("public.profiles", A)}
    assert roles[str(worlds.people.admin.user)] == "boss"
    assert roles[str(worlds.people.member.user)] == "employee"


SHARES = """
create table documents (
  id bigint generated always as identity primary key, owner_id uuid not null references auth.users, title text
);
create table document_shares (
  document_id bigint references documents on delete cascade, user_id uuid references auth.users,
  may_write boolean not null default false, primary key (document_id, user_id)
);
create table paragraphs (id serial primary key, document_id bigint not null references documents, body text);
create function can_read(document bigint) returns boolean language plpgsql stable security definer as
$$ declare found boolean; begin
  select true into found from public.document_shares s where s.document_id = document
    and s.user_id = auth.uid();
  return coalesce(found, false);
end $$;
alter table documents enable row level security;
alter table document_shares enable row level security;
alter table paragraphs enable row level security;
create policy a on documents for select to authenticated using (owner_id = auth.uid() or can_read(id));
create policy b on document_shares for select to authenticated using (user_id = auth.uid());
create policy c on paragraphs for select to authenticated using (can_read(document_id));
"""


def test_a_share_is_a_membership(build):
    built = build(SHARES)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.memberships == {"public.document_shares"}
    assert worlds.roots == {"public.documents"}
    assert built.reads(worlds.people.member, "paragraphs") == built.tokens("public.paragraphs", A) != set()
    assert built.reads(worlds.people.both, "paragraphs") == {
        row.token for row in worlds.by_table["public.paragraphs"]
    }


BY_CLAIM = """
create table tenants (id uuid primary key default gen_random_uuid(), name text);
create table orders (id serial primary key, tenant_id uuid not null references tenants, note text);
alter table tenants enable row level security;
alter table orders enable row level security;
create policy a on tenants for select to authenticated
  using (id = ((select auth.jwt()) -> 'app_metadata' ->> 'tenant_id')::uuid);
create policy b on orders for all to authenticated
  using (tenant_id = ((select auth.jwt()) #>> '{app_metadata,tenant_id}')::uuid);
"""


def test_a_claim_may_name_the_tenant(build):
    built = build(BY_CLAIM)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.roots == {"public.tenants"}
    assert worlds.people.member.app_metadata["tenant_id"] == worlds.of("public.tenants", A)[0].values["id"]
    assert built.reads(worlds.people.member, "orders") == built.tokens("public.orders", A) != set()
    assert worlds.people.both is None, "a token has one tenant"
    kept = built.connection.execute(
        "select raw_app_meta_data ->> 'tenant_id' from auth.users where id = %s", [worlds.people.member.user]
    )
    assert kept.fetchone() == (worlds.people.member.app_metadata["tenant_id"],)


def test_a_claim_may_list_tenants_that_no_table_holds(build):
    built = build("""
        create table files (id serial primary key, team text not null, path text);
        alter table files enable row level security;
        create policy a on files for all to authenticated
          using (auth.jwt() -> 'app_metadata' -> 'teams' ? team);
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert built.reads(worlds.people.member, "files") == built.tokens("public.files", A) != set()
    assert built.reads(worlds.people.both, "files") == {row.token for row in worlds.by_table["public.files"]}


def test_a_claim_may_be_declared(build):
    sql = """
        create table shops (id serial primary key, name text);
        create table sales (id serial primary key, shop_id int not null references shops, amount int);
        create function shop() returns int language plpgsql stable as
          $$ begin execute 'select auth.jwt() ->> ''shop''' into strict shop; return shop; end $$;
        alter table sales enable row level security;
    """.replace("into strict shop; return shop;", "; return (auth.jwt() ->> concat('sh', 'op'))::int;")
    sql += "create policy a on sales for all to authenticated using (shop_id = shop());"
    built = build(sql, claims={"shop": "public.sales.shop_id"})
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.roots == {"public.shops"}
    assert built.reads(worlds.people.member, "sales") == built.tokens("public.sales", A) != set()


def test_an_address_may_say_whose_a_row_is(build):
    built = build("""
        create table invitations (id serial primary key, email text not null, room text);
        alter table invitations enable row level security;
        create policy a on invitations for select to authenticated using (email = (auth.jwt() ->> 'email'));
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    own = built.tokens("public.invitations", A, worlds.people.member)
    assert built.reads(worlds.people.member, "invitations") == own != set()


PERSONAL_ACCOUNTS = """
create table accounts (
  id uuid primary key default gen_random_uuid(),
    owner_id uuid not null default auth.uid() references auth.users,
  name text, is_personal boolean not null default false
);
create table account_users (
  account_id uuid references accounts on delete cascade, user_id uuid references auth.users on delete cascade,
  role text not null check (role in ('owner', 'member')), primary key (account_id, user_id)
);
create function sign_up() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.accounts (id, owner_id, is_personal) values (new.id, new.id, true);
  return new;
end $$;
create trigger sign_up after insert on auth.users for each row execute function sign_up();
create function join_own() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.account_users (account_id, user_id, role) values (new.id, new.owner_id, 'owner')
  on conflict do nothing;
  return new;
end $$;
create trigger join_own after insert on accounts for each row execute function join_own();
create table notes (id serial primary key, account_id uuid not null references accounts, body text);
alter table accounts enable row level security;
alter table account_users enable row level security;
alter table notes enable row level security;
create function belongs(account uuid, role text default null) returns boolean
language sql stable security definer set search_path = '' as $$
  select exists (
    select from public.account_users as au
    where au.account_id = account and au.user_id = auth.uid() and (au.role = belongs.role
      or belongs.role is null)
  )
$$;
create policy a on accounts for select to authenticated using (belongs(id));
create policy b on account_users for select to authenticated using (belongs(account_id));
create policy c on notes for all to authenticated using (belongs(account_id, 'owner'));
"""


def test_personal_accounts_made_at_sign_up_belong_to_their_world(build):
    built = build(PERSONAL_ACCOUNTS)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.memberships == {"public.account_users"}
    member = str(worlds.people.member.user)
    own = {
        row.values["account_id"]: row.values["role"]
        for row in worlds.of("public.account_users", A)
        if row.person == member
    }
    assert own.pop(member) == "owner"
    assert set(own.values()) == {"member"}
    assert built.reads(worlds.people.stranger, "accounts") == set(), "its own is of neither world"
    assert built.reads(worlds.people.admin, "notes") == built.tokens("public.notes", A) != set()


def test_operators_of_everything_are_no_admins_of_a_world(build):
    built = build("""
        create type app_role as enum ('admin', 'moderator');
        create table user_roles (
          user_id uuid references auth.users on delete cascade, role app_role not null,
            primary key (user_id, role)
        );
        create table todos (id serial primary key, user_id uuid not null references auth.users, what text);
        create function has_role(wanted app_role) returns boolean language sql stable security definer as
          $$ select exists (select from public.user_roles where user_id = auth.uid() and role = wanted) $$;
        alter table user_roles enable row level security;
        alter table todos enable row level security;
        create policy a on user_roles for select to authenticated using (user_id = auth.uid());
        create policy b on todos for all to authenticated using (user_id = auth.uid() or has_role('admin'));
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert not worlds.memberships
    for person in (worlds.people.admin, worlds.people.member):
        assert built.reads(person, "todos") == built.tokens("public.todos", A, person) != set()


def test_columns_without_a_key_are_found_by_what_policies_compare(build):
    built = build("""
        create table teams (id uuid primary key default gen_random_uuid(), name text);
        create table team_members (team_id uuid, member uuid, primary key (team_id, member));
        create table tasks (id serial primary key, team uuid not null, what text);
        create table task_notes (id serial primary key, task_id int references tasks,
          author_id uuid not null);
        create table logs (id serial primary key, team_id uuid not null, line text);
        alter table teams enable row level security;
        alter table team_members enable row level security;
        alter table tasks enable row level security;
        alter table task_notes enable row level security;
        alter table logs enable row level security;
        create policy a on tasks for all to authenticated
          using (team in (select team_id from team_members where member = auth.uid()));
        create policy b on team_members for select to authenticated using (member = auth.uid());
        create policy c on teams for select to authenticated
          using (exists (select from team_members m where m.team_id = teams.id and m.member = auth.uid()));
        create policy d on task_notes for all to authenticated using (author_id = auth.uid());
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.memberships == {"public.team_members"}
    assert worlds.roots == {"public.teams"}
    # Nothing speaks of logs, but the column's name does.
    assert worlds.owned == {f"public.{t}" for t in ("teams", "team_members", "tasks", "task_notes", "logs")}
    assert built.reads(worlds.people.member, "tasks") == built.tokens("public.tasks", A) != set()


@pytest.mark.parametrize(
    "policy",
    [
        "org_id in (select o.org_id from memberships o where o.user_id = (select auth.uid()))",
        "(select auth.uid()) in (select m.user_id from memberships m where m.org_id = items.org_id)",
        """exists (select 1 from memberships m join orgs o on o.id = m.org_id
           where o.id = items.org_id and m.user_id = auth.uid())""",
        """org_id = any (array(
           select m.org_id from memberships m where m.user_id::text = auth.jwt() ->> 'sub'))""",
        """exists (with mine as (select org_id from memberships where user_id = auth.uid())
           select from mine where mine.org_id = items.org_id)""",
        "(org_id, auth.uid()) in (select m.org_id, m.user_id from memberships m)",
        """exists (select from memberships m where m.org_id = items.org_id
           and m.user_id = (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid)""",
    ],
)
def test_memberships_are_found_however_they_are_asked(build, policy):
    built = build(f"""
        create table orgs (id uuid primary key default gen_random_uuid(), name text);
        create table memberships (
          org_id uuid references orgs on delete cascade, user_id uuid references auth.users,
            primary key (org_id, user_id)
        );
        create table items (id serial primary key, org_id uuid not null references orgs, what text);
        alter table items enable row level security;
        create policy a on items for all to authenticated using ({policy});
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.memberships == {"public.memberships"}
    assert worlds.roots == {"public.orgs"}
    assert built.reads(worlds.people.member, "items") == built.tokens("public.items", A) != set()
    assert built.reads(worlds.people.former, "items") == set()
    assert len(worlds.of("public.items", B)) == len(worlds.of("public.items", A))


def test_a_membership_that_no_policy_asks_is_known_by_its_form(build):
    built = build("""
        create table orgs (id serial primary key, name text);
        create table org_members (
          org_id int not null references orgs, user_id uuid not null references auth.users,
          role text not null default 'member', unique (org_id, user_id)
        );
        create table papers (id serial primary key, org_id int not null references orgs, body text);
        create table books (id serial primary key, title text);
        create table favourites (
          book_id int references books, user_id uuid references auth.users, primary key (book_id, user_id)
        );
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.memberships == {"public.org_members"}
    assert worlds.roots == {"public.orgs"}
    assert "public.papers" in worlds.owned
    assert "public.books" not in worlds.owned, "a favourite makes nobody a member"


def test_members_that_sign_up_gives_profiles_can_leave_and_be_in_both(build):
    built = build("""
        create table users (id uuid primary key references auth.users, email text not null);
        create function sign_up() returns trigger language plpgsql security definer set search_path = '' as
          $$ begin insert into public.users (id, email) values (new.id, new.email); return new; end $$;
        create trigger sign_up after insert on auth.users for each row execute function sign_up();
        create table orgs (id serial primary key, name text);
        create table memberships (
          org_id int references orgs, user_id uuid references users, primary key (org_id, user_id)
        );
        create table papers (id serial primary key, org_id int not null references orgs, body text);
        alter table papers enable row level security;
        create policy a on papers for all to authenticated
          using (org_id in (select m.org_id from memberships m where m.user_id = auth.uid()));
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert not worlds.lifted, "an anonymous user gets an address where sign-up wants one"
    assert built.reads(worlds.people.both, "papers") == {r.token for r in worlds.by_table["public.papers"]}
    assert built.reads(worlds.people.former, "papers") == set()


def test_rows_about_stored_files_come_after_the_files(build):
    built = build("""
        create table documents (
          id serial primary key, object_id uuid not null references storage.objects,
          created_by uuid not null references auth.users
        );
        create policy a on storage.objects for all to authenticated
          using (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text);
    """)

    assert_isomorphic(built.worlds)
    assert not built.worlds.missing


def test_what_one_row_alone_may_refer_to_is_not_shared(build):
    built = build("""
        create table payment_accounts (id text primary key, status text);
        create table projects (
          id serial primary key, name text, payment_account text not null unique references payment_accounts
        );
        create table project_members (
          id serial primary key, project_id int not null references projects, user_id uuid
        );
        alter table projects enable row level security;
        create policy a on projects for all to authenticated using (true);
    """)
    worlds = built.worlds

    assert_isomorphic(worlds)
    assert worlds.memberships == {"public.project_members"}
    assert not worlds.missing
    accounts = [row.values["payment_account"] for row in worlds.by_table["public.projects"]]
    assert len(set(accounts)) == len(accounts) == 2
