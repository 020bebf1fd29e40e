"""A backup is worth what comes back of it."""

from __future__ import annotations

import contextlib
import threading

import psycopg
import pytest

from shipworthy import ProbeError
from shipworthy.probes.postgres.backup import dump_database, without_versions
from shipworthy.probes.postgres.restoration import prove_restore
from shipworthy.probes.postgres.scratch import connect_scratch


@pytest.fixture
def prove(scratch, migrated, tmp_path):
    """Change a live database, then back it up and restore it."""
    with contextlib.ExitStack() as made:

        def run(change="select", *, meanwhile=None):
            live, empty = (
                scratch.clone(migrated),
                scratch.clone(scratch.template("empty", lambda _: None, base=None)),
            )
            made.callback(scratch.drop, live)
            made.callback(scratch.drop, empty)
            with connect_scratch(live) as connection:
                connection.execute(change)
            with meanwhile(live) if meanwhile else contextlib.nullcontext():
                return prove_restore(live, empty, tmp_path)

        yield run


@contextlib.contextmanager
def writing(dsn):
    """Write into the live database all the while."""
    stop = threading.Event()

    def write():
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.wait(0.005):
                connection.execute(
                    "insert into public.metrics (organization_id, name, value)"
                    " select id, 'busy', 1 from public.organizations"
                )

    writer = threading.Thread(target=write)
    writer.start()
    yield
    stop.set()
    writer.join()


def lost(proof):
    return [table.table for table in proof.rows if table.restored != table.live]


def test_a_healthy_database_comes_back_equal_while_it_is_written_to(prove):
    proof = prove(meanwhile=writing)
    assert proof.failures == ()
    assert proof.differences == ()
    assert lost(proof) == []
    assert {"public.documents", "auth.users", "supabase_migrations.schema_migrations"} <= {
        t.table for t in proof.rows
    }
    assert all(n.largest is None or n.next > n.largest for n in proof.numberings)
    assert len(proof.numberings) == 4


def test_what_does_not_restore_is_named(prove):
    proof = prove(
        "create function public.known(t text) returns boolean language sql as"
        " 'select exists (select from plans where tier = t)';"
        "alter table public.organizations add constraint known check (public.known(tier))"
    )
    assert "rows of organizations" in [failure.entry for failure in proof.failures]
    assert 'relation "plans" does not exist' in proof.failures[0].message
    assert "public.organizations" in lost(proof)


def test_a_constraint_that_does_not_come_back_is_a_difference(prove):
    proof = prove(
        "do $$ begin perform set_config('session_replication_role', 'replica', true);"
        "insert into public.chunks (document_id, organization_id, ordinal, content)"
        " values (gen_random_uuid(), gen_random_uuid(), 0, 'lost'); end $$"
    )
    assert {d.kind for d in proof.differences} == {"constraint"}
    assert lost(proof) == []


def test_changed_contents_show_even_where_the_count_is_right(prove):
    proof = prove(
        "create function public.f(t text) returns text language sql immutable as 'select upper(t)';"
        "alter table public.plans add label text generated always as (public.f(tier)) stored;"
        "create or replace function public.f(t text) returns text language sql immutable as 'select t'"
    )
    assert lost(proof) == ["public.plans"]


def test_a_sequence_behind_its_column_shows(prove):
    proof = prove("select setval('public.alerts_id_seq', 1, false)")
    behind = [n.column for n in proof.numberings if n.largest is not None and n.next <= n.largest]
    assert behind == ["public.alerts.id"]


def test_a_backup_that_cannot_be_taken_is_no_finding(tmp_path):
    with pytest.raises(ProbeError, match="pg_dump failed") as error:
        dump_database("postgresql://x:geheimnis@127.0.0.1:1/db", tmp_path / "d", snapshot="1")
    assert "geheimnis" not in str(error.value)


def test_what_a_server_notes_for_itself_is_left_out_of_a_script():
    script = (
        "ALTER TABLE ONLY public.x ALTER COLUMN id SET (pg_attver=32138656);\n"
        "ALTER TABLE ONLY public.x ALTER COLUMN t SET (pg_attver=7, n_distinct=5);\n"
        "ALTER TABLE ONLY public.x ALTER COLUMN u SET (n_distinct=5);\n"
    )
    assert without_versions(script) == (
        "\nALTER TABLE ONLY public.x ALTER COLUMN t SET (n_distinct=5);\n"
        "ALTER TABLE ONLY public.x ALTER COLUMN u SET (n_distinct=5);\n"
    )
