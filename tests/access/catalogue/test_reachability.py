"""What policies mean and privileges keep back is spelled out, in either world of the platform."""

from shipworthy.probes.postgres.exposure import project_functions
from shipworthy.probes.postgres.policies import read_policies
from shipworthy.probes.postgres.reachability import Reachable, lost_by_default, missing_privileges, read_reach

NOTES = """
create table public.notes (id serial primary key, user_id uuid references auth.users (id), open boolean);
alter table public.notes enable row level security;
create policy "owners" on public.notes to authenticated using (user_id = (select auth.uid()));
create policy "everyone reads" on public.notes for select using (open);
create policy "nobody deletes" on public.notes for delete to anon using (false);
create policy "the service updates" on public.notes for update using (auth.role() = 'service_role');
"""
JOBS = "create table public.jobs (id int); alter table public.jobs enable row level security;"


def reachable(connection):
    return Reachable(
        read_policies(connection),
        read_reach(connection, ["public"]),
        project_functions(connection, ["public"]),
    )


def missing(connection):
    return [item.grant for item in missing_privileges(reachable(connection))]


def test_nothing_is_missing_where_everything_is_exposed(made):
    assert missing(made(NOTES)) == []


def test_every_grant_that_policies_need_is_spelled_out_where_nothing_is(made):
    assert missing(made(NOTES, auto_expose=False)) == [
        "grant select on public.notes to anon, authenticated;",
        "grant select, insert, update, delete on public.notes to authenticated;",
    ]


def test_a_policy_for_everyone_whose_helper_asks_who_calls_means_no_strangers(made):
    connection = made(
        "create table public.logs (firm text); alter table public.logs enable row level security;"
        "create function public.firm() returns text language sql as $$ select auth.jwt() ->> 'firm' $$;"
        'create policy "own firm" on public.logs for select using (firm = public.firm());',
        auto_expose=False,
    )
    assert missing(connection) == ["grant select on public.logs to authenticated;"]


def test_the_grants_that_are_spelled_out_are_enough(made):
    connection = made(NOTES, auto_expose=False)
    for grant in missing(connection):
        connection.execute(grant)
    assert missing(connection) == []


def test_a_helper_and_a_sequence_that_users_may_not_use_are_missing_too(made):
    connection = made(
        NOTES + "create function public.is_on() returns boolean language sql as 'select true';"
        "create function public.is_on(text) returns boolean language sql as 'select true';"
        "revoke execute on function public.is_on(text) from public, anon, authenticated;"
        "revoke execute on function public.is_on() from public, anon, authenticated;"
        'create policy "helped" on public.notes for update to authenticated using (public.is_on());'
        "revoke all on sequence public.notes_id_seq from authenticated;"
    )
    assert missing(connection) == [
        "grant execute on function public.is_on() to authenticated;",
        "grant usage on sequence public.notes_id_seq to authenticated;",
    ]


def test_what_relies_on_the_old_default_is_told_with_its_grants(made):
    sql = (
        NOTES
        + JOBS
        + (
            "create function public.wipe() returns void language sql as 'select';"
            "revoke execute on function public.wipe from public;"
        )
    )
    lost = lost_by_default(reachable(made(sql)), reachable(made(sql, auto_expose=False)))
    assert lost.grants == {
        "public.notes": (
            "grant select on public.notes to anon;",
            "grant select, insert, update, delete on public.notes to authenticated;",
            "grant select, insert, update, delete on public.notes to service_role;",
        ),
        "public.jobs": ("grant select, insert, update, delete on public.jobs to service_role;",),
    }
    assert lost.callers == {"public.wipe()": ("anon", "authenticated")}


def test_a_project_with_grants_of_its_own_relies_on_nothing(migrated):
    old = reachable(migrated(True))
    lost = lost_by_default(old, reachable(migrated(False)))
    assert (lost.grants, lost.callers) == ({}, {})
    assert len(old.policies) > 20
