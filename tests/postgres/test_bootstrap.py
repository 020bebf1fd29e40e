"""What Supabase's platform provides is there, and stand-ins say that they are."""

import psycopg
import pytest

from shipworthy.probes.postgres.bootstrap import bootstrap, read_stand_ins, stand_in_for
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed


def test_it_runs_twice_also_on_a_database_in_use(database, reference_project):
    before = database.execute("select count(*) from auth.users").fetchone()
    bootstrap(database)
    bootstrap(database)
    apply_migrations(database, reference_project)
    apply_seed(database, reference_project)
    assert database.execute("select count(*) from auth.users").fetchone() == before


def test_new_tables_are_open_to_the_roles_of_the_api_until_row_level_security_closes_them(empty):
    empty.execute("create table public.notes as select 1 as id")
    with empty.transaction(force_rollback=True):
        empty.execute("set local role anon")
        assert empty.execute("select id from public.notes").fetchone() == (1,)
    empty.execute("alter table public.notes enable row level security")
    with empty.transaction(force_rollback=True):
        empty.execute("set local role anon")
        assert empty.execute("select id from public.notes").fetchone() is None


def test_the_service_role_is_not_subject_to_row_level_security(empty):
    empty.execute("create table public.notes as select 1 as id")
    empty.execute("alter table public.notes enable row level security")
    with empty.transaction(force_rollback=True):
        empty.execute("set local role service_role")
        assert empty.execute("select id from public.notes").fetchone() == (1,)


def test_who_calls_is_known_from_either_form_of_claims(empty):
    user = "00000000-0000-4000-8000-0000000000a1"
    query = "select auth.uid()::text, auth.role(), auth.email()"
    with empty.transaction(force_rollback=True):
        empty.execute("set local role authenticated")
        claims = f'{{"sub": "{user}", "role": "authenticated", "email": "a@b.example"}}'
        empty.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        assert empty.execute(query).fetchone() == (user, "authenticated", "a@b.example")
        assert empty.execute("select auth.jwt() ->> 'sub'").fetchone() == (user,)
    with empty.transaction(force_rollback=True):
        empty.execute("select set_config('request.jwt.claim.sub', %s, true)", [user])
        assert empty.execute("select auth.uid()::text").fetchone() == (user,)
    assert empty.execute(query).fetchone() == (None, None, None)


def test_users_of_the_api_reach_neither_users_nor_foreign_objects(empty):
    empty.execute("insert into auth.users (email) values ('a@b.example')")
    empty.execute("insert into storage.buckets (id, name) values ('b', 'b')")
    empty.execute("insert into storage.objects (bucket_id, name) values ('b', 'folder/sub/file.tar.gz')")
    with empty.transaction(force_rollback=True):
        empty.execute("set local role authenticated")
        assert empty.execute("select from storage.objects").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            empty.execute("select from auth.users")


def test_paths_of_objects_come_apart_as_on_supabase(empty):
    path = "folder/sub/file.tar.gz"
    row = empty.execute(
        "select storage.foldername(%(p)s), storage.filename(%(p)s), storage.extension(%(p)s)", {"p": path}
    ).fetchone()
    assert row == (["folder", "sub"], "file.tar.gz", "gz")


def test_stand_ins_say_what_they_are(empty):
    assert "pg_cron" not in read_stand_ins(empty)
    sql = stand_in_for(empty, "pg_cron")
    assert sql
    empty.execute(sql.encode())
    assert "pg_cron" in read_stand_ins(empty)


def test_every_stand_in_can_be_made_twice_and_is_marked(empty):
    names = (
        "pg_cron",
        "pg_net",
        "pgcrypto",
        "uuid-ossp",
        "pg_stat_statements",
        "pg_graphql",
        "supabase_vault",
    )
    for name in names:
        sql = stand_in_for(empty, name)
        assert sql, name
        empty.execute(sql.encode())
        empty.execute(sql.encode())
    assert set(read_stand_ins(empty)) == set(names)


def test_nothing_stands_in_for_an_extension_that_is_there_or_that_does_real_work(empty):
    assert stand_in_for(empty, "vector") is None
    assert stand_in_for(empty, "postgis") is None


def test_the_stand_in_for_cron_keeps_jobs_as_pg_cron_does(empty):
    empty.execute((stand_in_for(empty, "pg_cron") or "").encode())
    first = empty.execute("select cron.schedule('nightly', '0 3 * * *', 'select 1')").fetchone()
    again = empty.execute("select cron.schedule('nightly', '30 seconds', 'select 2')").fetchone()
    assert first == again == (1,)
    empty.execute("select cron.alter_job(1, active => false)")
    row = empty.execute(
        "select jobname, schedule, command, active, database = current_database() from cron.job"
    )
    assert row.fetchone() == ("nightly", "30 seconds", "select 2", False, True)
    assert empty.execute("select cron.unschedule('nightly')").fetchone() == (True,)
    with pytest.raises(psycopg.Error, match="could not find valid entry for job"):
        empty.execute("select cron.unschedule('nightly')")


def test_the_stand_in_for_cron_refuses_a_schedule_that_is_none(empty):
    empty.execute((stand_in_for(empty, "pg_cron") or "").encode())
    for schedule in ("every day", "* * * *", "90 seconds", ""):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="invalid schedule"):
            empty.execute("select cron.schedule('x', %s, 'select 1')", [schedule])


def test_the_stand_in_for_pgcrypto_refuses_what_it_cannot_do(empty):
    row = empty.execute(
        "select encode(extensions.digest('abc', 'sha256'), 'hex'), length(gen_random_bytes(70))"
    )
    assert row.fetchone() == ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 70)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="no digest whirlpool"):
        empty.execute("select extensions.digest('abc', 'whirlpool')")


def test_the_stand_in_for_pgcrypto_makes_passwords_that_compare(empty):
    row = empty.execute(
        "select length(hash), crypt('secret', hash) = hash, crypt('other', hash) = hash"
        " from crypt('secret', gen_salt('bf')) as hash"
    )
    assert row.fetchone() == (60, True, False)


def test_the_stand_in_for_pgcrypto_signs_as_the_standard_says(empty):
    """The vector is RFC 4231's second."""
    signed = empty.execute("select encode(hmac('what do ya want for nothing?', 'Jefe', 'sha256'), 'hex')")
    assert signed.fetchone() == ("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",)
