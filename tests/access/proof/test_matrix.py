"""Access is found out by doing: every hole shows, with a control beside it, and nothing stays behind."""

from __future__ import annotations

import pytest

from tests.access.proof.small_worlds import NOTES, ORG_A, ORG_B, read_worlds

OUTSIDERS = {"anon", "anonymous", "stranger", "former"}


def reached(matrix, table="public.notes", **wanted):
    """Give (persona, command, scope, case) of the cells that were reached."""
    return {
        (cell.persona, cell.command, cell.scope, cell.case)
        for cell in matrix.cells
        if cell.relation == table
        and cell.reached
        and all(getattr(cell, name) == value for name, value in wanted.items())
    }


def the_cell(matrix, persona, command, scope, case="", table="public.notes"):
    (cell,) = (
        cell
        for cell in matrix.tried(table, command)
        if (cell.persona, cell.scope, cell.case) == (persona, scope, case)
    )
    return cell


def who(cells):
    return {persona for persona, *_ in cells}


def test_a_tight_schema_lets_everyone_reach_their_own_rows_and_no_others(measure):
    matrix = measure(NOTES)

    assert not {c for c in reached(matrix, scope="other") if c[1] != "truncate"}
    assert who(reached(matrix, scope="own")) == {"member", "admin", "both", "service_role"}
    for command in ("select", "insert", "update", "delete", "upsert"):
        assert the_cell(matrix, "member", command, "own").reached
        assert the_cell(matrix, "member", command, "other").outcome in {"nothing", "denied"}
        assert the_cell(matrix, "member", command, "other").of, "the control"
    assert the_cell(matrix, "member", "move", "other").outcome == "denied"


def test_a_helper_that_forgets_the_tenant_opens_everything_to_members(measure):
    matrix = measure(
        NOTES,
        "create or replace function private.is_member(org uuid) returns boolean language sql stable"
        " security definer set search_path = '' as"
        " 'select exists (select from public.members m where m.user_id = (select auth.uid()))'",
    )

    for command in ("select", "insert", "update", "delete", "upsert"):
        assert who(reached(matrix, scope="other", command=command)) == {"member", "admin"}, command
    assert the_cell(matrix, "member", "select", "other").rows == 2


def test_where_one_statement_for_all_rows_is_refused_each_row_is_tried_alone(measure):
    matrix = measure(
        NOTES,
        "drop policy changes on public.notes;"
        "create policy changes on public.notes for update to authenticated"
        " using (true) with check (private.is_member(org_id))",
    )

    assert the_cell(matrix, "member", "update", "other").outcome == "denied"
    assert the_cell(matrix, "member", "update", "own", "by key").rows == 2
    assert not the_cell(matrix, "member", "update", "other", "by key").reached


def test_rows_that_a_flag_opens_are_told_by_the_flag(measure):
    matrix = measure(
        NOTES, "create policy public on public.notes for select to anon, authenticated using (is_public)"
    )

    for persona in ("anon", "stranger", "member"):
        cell = the_cell(matrix, persona, "select", "other")
        assert (cell.reached, cell.opened_by) == (True, "is_public = 'true'"), persona


def test_rows_that_their_parents_flag_opens_are_told_by_it(measure):
    matrix = measure(
        NOTES,
        "create table public.lines (id int primary key, note_id uuid references public.notes, text text);"
        "insert into public.lines select row_number() over (order by title), id, 'note-line ' || title"
        "  from public.notes;"
        "alter table public.lines enable row level security;"
        "create policy public on public.lines for select to anon using ("
        "  exists (select from public.notes n where n.id = note_id and n.is_public));"
        "create policy public on public.notes for select to anon using (is_public)",
    )

    assert the_cell(matrix, "anon", "select", "other", table="public.lines").opened_by == (
        "public.notes.is_public = 'true'"
    )


def test_an_unconditional_opening_is_not_taken_for_a_flag(measure):
    matrix = measure(NOTES, "create policy public on public.notes for select to anon using (true)")

    cell = the_cell(matrix, "anon", "select", "other")
    assert (cell.rows, cell.of, cell.opened_by) == (4, 4, "")


@pytest.mark.parametrize("refers", [False, True], ids=["alone", "referred to by other rows"])
def test_a_row_can_be_moved_where_only_its_old_place_is_checked(measure, refers):
    matrix = measure(
        NOTES,
        "alter policy changes on public.notes with check (true);"
        "alter table public.notes add unique (id, org_id);",
        "create table public.lines (id int primary key, note_id uuid, org_id uuid,"
        "  foreign key (note_id, org_id) references public.notes (id, org_id));"
        "insert into public.lines select row_number() over (order by title), id, org_id from public.notes;"
        if refers
        else "",
    )

    assert who(reached(matrix, command="move")) == {"member", "admin"}


def test_a_check_that_another_own_row_breaks_does_not_hide_a_move(measure):
    matrix = measure(NOTES, "alter policy changes on public.notes with check (not is_public)")

    assert who(reached(matrix, command="move")) == {"member", "admin"}


def test_a_foreign_key_that_holds_a_row_in_its_place_is_a_denial(measure):
    matrix = measure(
        NOTES,
        "alter table public.notes add unique (id, org_id);"
        "create table public.lines (id int primary key, note_id uuid, org_id uuid references"
        "  public.organizations, text text,"
        "  foreign key (note_id, org_id) references public.notes (id, org_id));"
        "insert into public.lines select row_number() over (order by title), id, org_id, title"
        "  from public.notes;"
        "alter table public.lines enable row level security;"
        "create policy everything on public.lines to authenticated"
        "  using (exists (select from public.notes n where n.id = note_id))"
        "  with check (exists (select from public.notes n where n.id = note_id))",
    )

    assert not reached(matrix, "public.lines", command="move")


def test_an_insert_that_a_trigger_turns_into_a_change_of_another_row_is_seen(measure):
    matrix = measure(
        NOTES,
        "create function public.merge() returns trigger language plpgsql security definer as"
        " 'begin update public.notes set title = new.title where id = new.id;"
        "   return case when found then null else new end; end';"
        "create trigger merge before insert on public.notes for each row execute function public.merge()",
    )

    assert "member" in who(reached(matrix, command="upsert", scope="other"))


def test_a_refusal_by_a_trigger_is_a_denial_for_everyone(measure):
    matrix = measure(
        NOTES,
        "create function public.refuse() returns trigger language plpgsql as"
        " $$ begin raise exception 'append only' using errcode = 'PT405'; end $$;"
        "create trigger refuse before update or delete on public.notes for each row"
        " execute function public.refuse()",
    )

    for command in ("update", "delete"):
        cell = the_cell(matrix, "service_role", command, "own")
        assert (cell.outcome, cell.of) == ("raised", 0)
    assert the_cell(matrix, "service_role", "select", "own").reached


def test_a_constraint_in_the_way_does_not_hide_that_policies_let_through(measure):
    matrix = measure(
        "create table public.stars (user_id uuid references auth.users, org_id uuid references"
        "  public.organizations, primary key (user_id, org_id));"
        "insert into public.stars select user_id, org_id from public.members;"
        "create table public.uses (user_id uuid, org_id uuid,"
        "  foreign key (user_id, org_id) references public.stars);"
        "insert into public.uses select * from public.stars"
    )

    # No row security: everything is open, though the key and what refers to it stop the statements.
    for command in ("update", "delete", "insert"):
        assert "stranger" in who(reached(matrix, "public.stars", command=command, scope="other")), command


def test_columns_that_are_granted_alone_are_read_and_written_alone(measure):
    matrix = measure(
        NOTES,
        "revoke all on public.notes from anon, authenticated;"
        "grant select (title), update (title) on public.notes to anon;"
        "create policy title on public.notes for select to anon using (true);"
        "create policy retitle on public.notes for update to anon using (true)",
    )

    assert the_cell(matrix, "anon", "select", "other").rows == 4
    assert the_cell(matrix, "anon", "update", "other").rows == 4
    assert the_cell(matrix, "anon", "delete", "other").outcome == "denied"
    assert the_cell(matrix, "anon", "insert", "other").outcome == "denied"


def test_views_show_what_they_are_made_of_and_write_it(measure):
    matrix = measure(
        NOTES,
        "create view public.open as select id, title, org_id as organization from public.notes;"
        "create view public.tight with (security_invoker) as select * from public.notes;"
        "create materialized view public.kept as select title from public.notes;",
    )

    assert the_cell(matrix, "anon", "select", "other", table="public.open").rows >= 4
    for command in ("update", "delete", "insert"):
        assert "stranger" in who(reached(matrix, "public.open", command=command)), command
    assert not reached(matrix, "public.tight", scope="other")
    assert not [cell for cell in matrix.cells if cell.command == "move" and cell.saw.startswith("23505")]
    assert the_cell(matrix, "member", "select", "own", table="public.tight").rows >= 2
    assert the_cell(matrix, "stranger", "select", "other", table="public.kept").rows == 4


def test_a_row_of_the_own_that_names_anothers_matters_if_they_see_it(measure):
    owned = (
        "create table public.{0} (id int primary key, user_id uuid references auth.users,"
        "  note_id uuid references public.notes);"
        "insert into public.{0} select row_number() over (), m.user_id, n.id"
        "  from public.members m join public.notes n using (org_id) where n.is_public and m.role = 'owner'"
        "    and m.org_id = any (array['{1}', '{2}']::uuid[]);"
        "alter table public.{0} enable row level security;"
        "create policy adds on public.{0} for insert to authenticated with check (user_id = auth.uid());"
    )
    matrix = measure(
        NOTES,
        owned.format("stars", ORG_A, ORG_B),
        owned.format("comments", ORG_A, ORG_B),
        "create policy own on public.stars for select to authenticated using (user_id = auth.uid());"
        "create policy theirs on public.comments for select to authenticated using ("
        "  exists (select from public.notes n where n.id = note_id))",
    )

    assert not reached(matrix, "public.stars", command="insert", scope="other")
    assert "stranger" in who(reached(matrix, "public.comments", command="insert", scope="other"))


def test_a_user_who_raises_the_own_rank_is_seen(measure):
    matrix = measure(
        "create policy own on public.members for update to authenticated using (user_id = auth.uid())"
    )

    raised = {c for c in reached(matrix, "public.members", command="raise") if c[0] == "member"}
    assert raised == {("member", "raise", "self", "role = 'owner'")}


def test_a_user_who_joins_any_organization_is_seen(measure):
    matrix = measure(
        "create policy joins on public.members for insert to authenticated with check (user_id = auth.uid())"
    )

    joined = reached(matrix, "public.members", command="insert", scope="other")
    assert {case for *_, case in joined} == {"in the own name"}
    assert {"stranger", "member", "former"} <= who(joined)


def test_two_memberships_are_told_apart(measure):
    first = "(select m.org_id from public.members m where m.user_id = auth.uid() order by 1 limit 1)"
    one = "(select m.org_id from public.members m where m.user_id = auth.uid())"
    matrix = measure(NOTES, f"alter policy sees on public.notes using (org_id = {first})")
    assert the_cell(matrix, "both", "select", "own", "in A").reached
    assert not the_cell(matrix, "both", "select", "own", "in B").reached

    matrix = measure(NOTES, f"alter policy sees on public.notes using (org_id = {one})")
    assert the_cell(matrix, "both", "select", "own", "in A").saw.startswith("21000")
    assert the_cell(matrix, "member", "select", "own").reached


def test_policies_that_never_answer_cost_bounded_time_and_are_said_to(measure):
    matrix = measure(
        NOTES,
        "create function private.dream() returns boolean language sql as"
        " 'select pg_sleep(30) is not null';"
        "grant execute on function private.dream to public;"
        "create policy dreams on public.notes for select to anon using (private.dream())",
        attempt_s=0.2,
    )

    assert the_cell(matrix, "anon", "select", "other").saw.startswith("57014")
    assert the_cell(matrix, "member", "select", "own", table="public.organizations").reached


def test_policies_that_recurse_or_raise_are_unclear_and_stop_nothing(measure):
    matrix = measure(
        NOTES,
        "alter policy sees on public.members using (exists ("
        "  select from public.members m where m.org_id = members.org_id))",
        "alter policy sees on public.notes using ((1 / length(title) - 1)::text::boolean)",
    )

    assert the_cell(matrix, "member", "select", "own", table="public.members").saw.startswith("42P17")
    assert the_cell(matrix, "member", "select", "own").outcome == "unclear"
    assert the_cell(matrix, "service_role", "select", "own").reached


def test_odd_names_and_many_columns_are_only_names(measure):
    table = '"ünïcode ""quoted"" ' + "x" * 37 + '"'
    columns = ", ".join(f'"Column {n}" text' for n in range(300))
    matrix = measure(
        f'create table public.{table} ("the ID" uuid primary key default gen_random_uuid(),'
        f' "org ""id""" uuid references public.organizations, {columns});'
        f'insert into public.{table} ("org ""id""", "Column 1")'
        rf" values ('{ORG_A}', $$it's$$), ('{ORG_B}', '\');"
    )

    (name,) = (name for name in matrix.relations if "quoted" in name)
    for command in ("select", "insert", "update", "delete", "upsert", "move"):
        assert "member" in who(reached(matrix, name, command=command, scope="other")), command


def test_rows_of_partitions_and_children_are_reached_through_their_parents(measure):
    matrix = measure(
        f"""
        create table public.parts (id int, org_id uuid not null, primary key (id, org_id))
          partition by list (org_id);
        create table public.part_a partition of public.parts for values in ('{ORG_A}');
        create table private.part_b partition of public.parts for values in ('{ORG_B}');
        insert into public.parts values (1, '{ORG_A}'), (2, '{ORG_B}');
        create table public.base (id int, org_id uuid references public.organizations);
        create table public.derived (more text) inherits (public.base);
        insert into public.derived values (1, '{ORG_A}', 'x'), (2, '{ORG_B}', 'y');
        """
    )

    assert the_cell(matrix, "member", "select", "other", table="public.parts").rows == 1
    assert the_cell(matrix, "member", "delete", "other", table="public.parts").rows == 1
    assert the_cell(matrix, "stranger", "select", "other", table="public.part_a").rows == 1
    assert the_cell(matrix, "member", "update", "other", table="public.base").rows == 1


def test_truncate_is_the_privilege_unless_a_trigger_refuses(measure):
    refuse = (
        "create function public.refuse() returns trigger language plpgsql as"
        " $$ begin raise exception 'no'; end $$;"
        "create trigger refuse before truncate on public.notes execute function public.refuse()"
    )

    assert the_cell(measure(NOTES), "stranger", "truncate", "other").rows == 4
    assert the_cell(measure(NOTES, refuse), "stranger", "truncate", "other").outcome == "raised"
    assert (
        the_cell(
            measure(NOTES, "revoke truncate on public.notes from anon"), "anon", "truncate", "other"
        ).outcome
        == "denied"
    )


def test_nothing_of_it_stays_behind(make):
    from shipworthy.probes.postgres.access.matrix import measure_access

    connection = make(NOTES)
    schema, worlds = read_worlds(connection)
    settings = "select current_user, current_setting('statement_timeout'), current_setting('search_path')"
    before = connection.execute(settings).fetchone()
    first = measure_access(connection, schema, worlds)

    assert read_worlds(connection) == (schema, worlds)
    assert connection.execute(settings).fetchone() == before
    assert measure_access(connection, schema, worlds) == first
