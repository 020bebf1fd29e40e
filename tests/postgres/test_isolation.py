"""Access is found out by doing: every hole in the policies shows, and a tight schema shows none."""

from __future__ import annotations

import csv
import io
from uuid import UUID

import pytest

from shipworthy import ProbeError
from shipworthy.probes.postgres.calls import call_as
from shipworthy.probes.postgres.contents import data_tables, read_contents
from shipworthy.probes.postgres.exposure import exposed_relations, project_functions
from shipworthy.probes.postgres.isolation import measure_access
from shipworthy.probes.postgres.personas import ANONYMOUS, OWNER, SERVICE, member
from shipworthy.probes.postgres.tables import read_tables

ALICE = member("alice", UUID("00000000-0000-4000-8000-0000000000a1"))
BOB = member("bob", UUID("00000000-0000-4000-8000-0000000000b1"))
WRITES = ("insert", "update", "delete", "truncate", "move")


def measure(connection, *names):
    connection.execute("set search_path = ''")
    relations = [r for r in exposed_relations(connection, ["public"]) if not names or r.name in names]
    return measure_access(connection, read_tables(connection, relations), (ALICE, BOB))


def allowed(matrix, persona, *commands):
    return {
        (a.table, a.command, a.case)
        for a in matrix.attempts
        if a.persona == persona.name and a.allowed and a.command in (commands or WRITES)
    }


def test_the_reference_project_has_no_hole_and_every_control_holds(database):
    matrix = measure(database)
    assert matrix.triggers_off
    assert not allowed(matrix, ANONYMOUS)
    for table in matrix.tables:
        everything = matrix.rows(OWNER, table)
        assert everything
        assert matrix.rows(SERVICE, table) == everything
        for command in ("update", "delete"):
            (attempt,) = (a for a in matrix.tried(OWNER, table) if a.command == command)
            assert attempt.rows == everything
    for member_, other in ((ALICE, BOB), (BOB, ALICE)):
        assert not allowed(matrix, member_, "truncate")
        assert not {a for a in allowed(matrix, member_, "insert", "move") if a[2] != "a copy of a row"}
        for attempt in matrix.attempts:
            if attempt.persona == member_.name and attempt.command in {"update", "delete"}:
                theirs = matrix.sights[other.name, attempt.table].rows
                assert not attempt.rows & theirs


def test_nothing_is_left_behind(database):
    def everything():
        database.execute("set search_path = ''")
        contents = read_contents(database, data_tables(database))
        return contents, database.execute("select current_user").fetchone()

    before = everything()
    measure(database)
    assert everything() == before


HOLES = {
    "an update that select hides": (
        "public.documents",
        ["create policy hole on public.documents for update to authenticated using (true)"],
        lambda matrix: any(
            a.rows & matrix.sights["bob", "public.documents"].rows for a in matrix.attempts
            if (a.persona, a.command) == ("alice", "update")
        ),
    ),
    "a delete": (
        "public.alert_rules",
        ["create policy hole on public.alert_rules for delete to authenticated using (true)"],
        lambda matrix: any(
            len(a.rows) == 2 for a in matrix.attempts if (a.persona, a.command) == ("alice", "delete")
        ),
    ),
    "an insert": (
        "public.documents",
        ["create policy hole on public.documents for insert to authenticated with check (true)"],
        lambda matrix: any(a.whole for a in matrix.attempts if a.command == "insert" and a.allowed),
    ),
    "a row moved to the other tenant": (
        "public.documents",
        ["create policy hole on public.documents for update to authenticated using (true) with check (true)"],
        lambda matrix: any(a.whole for a in matrix.attempts if a.command == "move" and a.allowed),
    ),
    "joining another organization": (
        "public.members",
        ["create policy hole on public.members for insert to authenticated with check (user_id=auth.uid())"],
        lambda matrix: ("public.members", "insert", "into the other tenant, in the own name")
        in allowed(matrix, BOB, "insert"),
    ),
    "a truncate": (
        "public.documents",
        ["grant truncate on public.documents to authenticated"],
        lambda matrix: allowed(matrix, ALICE, "truncate"),
    ),
    "an anonymous insert of some columns": (
        "public.plans",
        ["grant insert (tier, price_eur, max_documents) on public.plans to anon",
         "create policy hole on public.plans for insert to anon with check (true)"],
        lambda matrix: allowed(matrix, ANONYMOUS, "insert"),
    ),
    "an anonymous update of one column": (
        "public.plans",
        ["grant update (price_eur) on public.plans to anon",
         "create policy hole on public.plans for update to anon using (true)"],
        lambda matrix: allowed(matrix, ANONYMOUS, "update"),
    ),
    "anonymous sight of one column": (
        "public.documents",
        ["grant select (title) on public.documents to anon",
         "create policy hole on public.documents for select to anon using (true)"],
        lambda matrix: len(matrix.sights["anon", "public.documents"].rows) == 2,
    ),
    "row level security off": (
        "public.documents",
        ["alter table public.documents disable row level security"],
        lambda matrix: matrix.sights["alice", "public.documents"].rows
        == matrix.sights["bob", "public.documents"].rows,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("table", "statements", "shows"), HOLES.values(), ids=HOLES)
def test_every_hole_shows(database, table, statements, shows):
    assert not shows(measure(database, "public.organizations", table))
    for statement in statements:
        database.execute(statement)
    assert shows(measure(database, "public.organizations", table))


def test_a_trigger_does_not_hide_a_missing_privilege_check(database):
    database.execute("grant delete on public.agent_decisions to authenticated")
    database.execute("create policy hole on public.agent_decisions for delete to authenticated using (true)")
    matrix = measure(database, "public.agent_decisions")
    (attempt,) = (a for a in matrix.attempts if (a.persona, a.command) == ("alice", "delete"))
    assert len(attempt.rows) == 2


def test_tenant_columns_without_a_foreign_key_are_known_by_their_values(database):
    database.execute(
        "create table public.notes (id uuid primary key default gen_random_uuid(), organization_id uuid);"
        "insert into public.notes (organization_id) select id from public.organizations;"
        "alter table public.notes enable row level security;"
        "grant select, insert on public.notes to authenticated;"
        "create policy read on public.notes for select to authenticated"
        " using (private.is_member(organization_id));"
        "create policy hole on public.notes for insert to authenticated with check (true)"
    )
    matrix = measure(database, "public.organizations", "public.notes")
    assert ("public.notes", "insert", "into the other tenant") in allowed(matrix, ALICE)


def test_a_statement_that_fails_for_another_reason_is_not_taken_for_a_refusal(database):
    database.execute("grant insert on public.plans to anon")
    database.execute("create policy odd on public.plans for insert to anon with check (1 / 0 = 1)")
    with pytest.raises(ProbeError, match=r"anon insert public\.plans: 22012"):
        measure(database, "public.plans")


def test_the_matrix_is_a_table(database):
    lines = list(csv.DictReader(io.StringIO(measure(database, "public.plans").as_csv())))
    assert {line["persona"] for line in lines} == {"owner", "service_role", "anon", "alice", "bob"}
    assert {line["command"] for line in lines} >= {"select", "insert", "update", "delete", "truncate"}
    assert {line["saw"] for line in lines if line["command"] == "select"} == {"3 rows"}


def named(connection, name):
    connection.execute("set search_path = ''")
    return next(f for f in project_functions(connection, ["public"]) if f.name == name)


def test_a_function_refuses_at_its_door(database):
    function = named(database, "public.rpc_queue_embedding_job")
    assert not call_as(database, ANONYMOUS, function).entered
    assert not call_as(database, ALICE, function).entered
    assert call_as(database, SERVICE, function).entered


def test_a_refusal_from_inside_a_function_is_no_refusal_of_it(database):
    database.execute("grant execute on function public.rpc_queue_embedding_job(uuid, int) to authenticated")
    assert call_as(database, ALICE, named(database, "public.rpc_queue_embedding_job")).entered
