"""Naming someone of another tenant in an own row is ordinary use; giving the row away is not."""

from __future__ import annotations

from tests.access.proof.small_worlds import ADA, ANN, BEA, BEN
from tests.access.proof.test_matrix import reached, the_cell, who

FRIENDS = f"""
create table public.friends (
  id uuid primary key default gen_random_uuid(),
  sender uuid not null references auth.users, receiver uuid not null references auth.users
);
insert into public.friends (sender, receiver) values ('{ANN}', '{ADA}'), ('{BEN}', '{BEA}');
alter table public.friends enable row level security;
create policy sees on public.friends for select to authenticated using (auth.uid() in (sender, receiver));
create policy asks on public.friends for insert to authenticated with check (sender = auth.uid());
"""


def test_naming_someone_of_the_other_world_in_an_own_row_is_ordinary_use(measure):
    matrix = measure(
        FRIENDS,
        "create policy changes on public.friends for update to authenticated"
        " using (auth.uid() in (sender, receiver))",
    )

    assert the_cell(matrix, "member", "update", "own", table="public.friends").reached
    assert {command for _, command, *_ in reached(matrix, "public.friends", scope="other")} == {"truncate"}


def test_an_own_row_in_which_nobody_of_the_own_world_stays_has_moved(measure):
    matrix = measure(
        FRIENDS,
        "alter policy sees on public.friends using (true);"
        "create policy gives on public.friends for update to authenticated"
        " using (sender = auth.uid()) with check (true)",
    )

    assert who(reached(matrix, "public.friends", scope="other", command="move")) == {"member"}


def test_naming_the_profile_of_another_in_an_own_row_is_ordinary_use(measure):
    matrix = measure(
        f"create table public.profiles (id uuid primary key default gen_random_uuid(),"
        f"  user_id uuid unique references auth.users);"
        "insert into public.profiles (user_id)"
        f" select unnest(array['{ANN}', '{ADA}', '{BEN}', '{BEA}']::uuid[]);"
        "create table public.messages (id uuid primary key default gen_random_uuid(),"
        "  sender uuid references auth.users, receiver uuid references public.profiles);"
        "insert into public.messages (sender, receiver) select user_id, id from public.profiles;"
        "alter table public.profiles enable row level security;"
        "alter table public.messages enable row level security;"
        "create policy own on public.profiles for select to authenticated using (user_id = auth.uid());"
        "create policy writes on public.messages for insert to authenticated"
        " with check (sender = auth.uid());"
        "create policy sees on public.messages for select to authenticated"
        " using (sender = auth.uid() or receiver in (select id from public.profiles))",
    )

    assert not reached(matrix, "public.messages", scope="other", command="insert")
