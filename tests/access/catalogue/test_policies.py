"""Policies that open what they should guard are found, and healthy ones are let be."""

import pytest

from shipworthy.probes.postgres.claims import read_views, trusting
from shipworthy.probes.postgres.exposure import project_functions
from shipworthy.probes.postgres.open_writes import open_writes
from shipworthy.probes.postgres.openness import Stranger
from shipworthy.probes.postgres.policies import read_policies

TENANTS = """
create table public.organizations (id uuid primary key default gen_random_uuid(), name text);
create table public.members (
  organization_id uuid references public.organizations (id), user_id uuid references auth.users (id),
  primary key (organization_id, user_id)
);
create table public.documents (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references public.organizations (id), title text
);
create table public.topics (name text primary key);
alter table public.organizations enable row level security;
alter table public.members enable row level security;
alter table public.documents enable row level security;
alter table public.topics enable row level security;
"""


def opened(connection):
    found = open_writes(read_policies(connection), Stranger(connection))
    return [(write.policy.name, write.role, write.command, write.gives_away) for write in found]


def test_it_is_known_whose_the_rows_of_a_table_are(made):
    connection = made(
        TENANTS
        + "".join(
            f"create policy p on public.{t} for select using (true);"
            for t in ("organizations", "members", "documents", "topics")
        )
    )
    facts = {policy.table: (policy.owned, policy.tenant) for policy in read_policies(connection)}
    assert facts == {
        "public.organizations": (True, True),
        "public.members": (True, False),
        "public.documents": (True, False),
        "public.topics": (False, False),
    }


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("on public.documents for delete to authenticated using (true)", ("authenticated", "delete", False)),
        ("on public.documents for insert to anon with check (title = title)", ("anon", "insert", False)),
        (
            "on public.documents for update to authenticated using (auth.uid() is not null)",
            ("authenticated", "update", False),
        ),
        (
            "on public.documents for update to authenticated using (id = auth.uid()) with check (true)",
            ("authenticated", "update", True),
        ),
        (
            "on public.topics for insert to authenticated with check (true)",
            ("authenticated", "insert", False),
        ),
    ],
)
def test_a_write_policy_that_limits_nothing_is_found(made, policy, expected):
    assert opened(made(f"{TENANTS} create policy p {policy};")) == [("p", *expected)]


@pytest.mark.parametrize(
    "policy",
    [
        "on public.documents for select using (true)",
        "on public.documents to authenticated using (id = auth.uid())",
        "on public.documents for insert to authenticated with check (id = auth.uid())",
        "on public.organizations for insert to authenticated with check (true)",
        "on public.topics for insert to authenticated with check (auth.uid() is not null)",
        "on public.documents for delete to service_role using (true)",
        "on public.documents as restrictive for delete using (true)",
    ],
)
def test_a_policy_that_limits_or_writes_nothing_of_others_is_let_be(made, policy):
    assert opened(made(f"{TENANTS} create policy p {policy};")) == []


def test_a_restrictive_policy_and_a_missing_privilege_take_the_finding_away(made):
    limited = made(
        TENANTS + "create policy p on public.documents for delete to authenticated using (true);"
        "create policy r on public.documents as restrictive for delete using (id = auth.uid());"
    )
    assert opened(limited) == []
    revoked = made(
        TENANTS + "create policy p on public.documents for delete to authenticated using (true);"
        "revoke delete on public.documents from authenticated;"
    )
    assert opened(revoked) == []


def test_claims_that_users_edit_are_found_in_policies_helpers_and_conditions(made):
    connection = made(
        TENANTS
        + """
        create function public.claimed() returns text language sql stable set search_path = '' as
          $$ select auth.jwt() #>> '{user_metadata,role}' $$;
        create function public.is_admin() returns boolean language plpgsql stable as
          $$ begin -- user_metadata would be wrong
             return public.claimed() = 'admin'; end $$;
        create policy "direct" on public.documents for select
          using ((auth.jwt() -> 'user_metadata' ->> 'org')::uuid = organization_id);
        create policy "through helpers" on public.topics for delete using (public.is_admin());
        create policy "healthy" on public.members for select
          using ((auth.jwt() -> 'app_metadata' ->> 'role') = 'admin');
        create view public.admins as
          select u.id from auth.users u where u.raw_user_meta_data ->> 'role' = 'admin';
        create view public.names as select u.id, u.raw_user_meta_data ->> 'name' as name from auth.users u;
        """
    )
    found = trusting(
        read_policies(connection), read_views(connection), project_functions(connection, ["public"])
    )
    assert {(item.subject, item.claims, item.through) for item in found} == {
        ('public.documents policy "direct"', ("user_metadata",), ""),
        ('public.topics policy "through helpers"', ("user_metadata",), "public.claimed()"),
        ("view public.admins", ("raw_user_meta_data",), ""),
    }
