"""The reference project's schema does what its comments say."""

import hashlib
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from shipworthy.probes.postgres.migrate import apply_seed

HOUSE = Path(__file__).parents[2]
ALICE, BOB = "00000000-0000-4000-8000-0000000000a1", "00000000-0000-4000-8000-0000000000b1"
ACME, GLOBEX = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
CHUNK = "00000000-0000-4000-8000-0000000c000a"


@contextmanager
def acting_as(connection, role, user=None):
    with connection.transaction():
        connection.execute(f"set local role {role}")
        connection.execute("select set_config('request.jwt.claim.sub', %s, true)", [user or ""])
        yield


def rows_of_all_tables(connection) -> dict[str, list]:
    tables = connection.execute(
        "select oid::regclass::text from pg_class where relkind in ('r', 'p')"
        " and relnamespace in ('public'::regnamespace, 'auth'::regnamespace, 'storage'::regnamespace)"
    ).fetchall()
    return {
        name: connection.execute(f"select t::text from {name} as t order by 1").fetchall()
        for (name,) in tables
    }


def test_the_seed_loads_twice_without_change(database, reference_project):
    before = rows_of_all_tables(database)
    apply_seed(database, reference_project)
    assert rows_of_all_tables(database) == before


def test_every_tenant_has_rows_in_every_table_of_tenants(database):
    tables = database.execute(
        "select c.relname from pg_class as c join pg_attribute as a on a.attrelid = c.oid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
        " and a.attname = 'organization_id'"
    ).fetchall()
    assert len(tables) == 12
    empty = {
        name
        for (name,) in tables
        for org in (ACME, GLOBEX)
        if not database.execute(f"select 1 from public.{name} where organization_id = %s", [org]).fetchone()
    }
    assert empty == {"drive_channels"}  # one channel, of Acme


def test_row_level_security_is_on_everywhere(database):
    rows = database.execute(
        "select oid::regclass::text, relrowsecurity from pg_class where relkind in ('r', 'p')"
        " and relnamespace in ('public'::regnamespace, 'private'::regnamespace)"
    ).fetchall()
    assert len(rows) > 17
    assert [name for name, enforced in rows if not enforced] == []


def test_anonymous_callers_see_the_price_list_and_nothing_else(database):
    readable = database.execute(
        "select relname from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')"
        " and has_any_column_privilege('anon', oid, 'select, insert, update, references')"
    ).fetchall()
    assert readable == [("plans",)]
    callable_ = database.execute(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        " and has_function_privilege('anon', oid, 'execute')"
    ).fetchall()
    assert callable_ == []


def test_users_call_only_the_search(database):
    rows = database.execute(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        " and has_function_privilege('authenticated', oid, 'execute')"
    ).fetchall()
    assert rows == [("match_chunks",)]


def test_definer_functions_fix_their_search_path(database):
    rows = database.execute(
        "select proname, proconfig from pg_proc where prosecdef"
        " and pronamespace in ('public'::regnamespace, 'private'::regnamespace)"
    ).fetchall()
    assert {name for name, _ in rows} == {"is_member", "has_role", "rpc_run_job"}
    assert [name for name, config in rows if config != ['search_path=""']] == []


def test_a_chunk_cannot_belong_to_another_tenant_than_its_document(database):
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute("update public.chunks set organization_id = %s where id = %s", [GLOBEX, CHUNK])


def test_a_small_tenant_finds_its_own_beside_a_large_one(database):
    database.execute("select setseed(0.5)")
    vector = (
        "(select array_agg(random() - 0.5) from generate_series(1, 384 + 0 * n))::real[]::extensions.vector"
    )
    database.execute(
        "insert into public.chunks (document_id, organization_id, ordinal, content, embedding)"
        f" select d.id, d.organization_id, n, 'noise', {vector}"
        " from public.documents as d, generate_series(1, 2000) as n where d.organization_id = %s",
        [GLOBEX],
    )
    database.execute(
        f"update public.chunks set embedding = {vector.replace('n)', '1)')} where id = %s", [CHUNK]
    )
    question = f"[1{',0' * 383}]"
    nearest = "select id::text from public.chunks order by embedding <=> %s::extensions.vector limit 200"
    database.execute("set enable_seqscan = off")
    assert (CHUNK,) not in database.execute(nearest, [question]).fetchall()  # control: far behind the noise
    with acting_as(database, "authenticated", ALICE):
        found = database.execute(
            "select chunk_id::text from public.match_chunks(%s, 5)", [question]
        ).fetchall()
    assert found == [(CHUNK,)]


def test_a_chunk_has_one_open_job(database):
    with acting_as(database, "service_role"):
        queue = "select public.rpc_queue_embedding_job(%s, %s)"
        first = database.execute(queue, [CHUNK, 1]).fetchone()
        assert database.execute(queue, [CHUNK, 7]).fetchone() == first
        job = "select priority from public.embedding_jobs where id = %s"
        assert database.execute(job, first).fetchone() == (7,)
        database.execute("update public.embedding_jobs set status = 'done' where id = %s", first)
        assert database.execute(queue, [CHUNK, 1]).fetchone() != first


def test_a_job_for_no_chunk_is_refused(database):
    with pytest.raises(psycopg.errors.NoDataFound, match="no chunk"):
        database.execute("select public.rpc_queue_embedding_job(gen_random_uuid())")


def test_pruning_takes_the_vectors_of_failed_and_of_old_unindexed_documents_only(database):
    prune = "select public.rpc_prune_vectors()"
    assert database.execute(prune).fetchone() == (0,)
    database.execute("update public.documents set status = 'pending'")
    database.execute(
        "update public.chunks set created_at = now() - interval '91 days' where id = %s", [CHUNK]
    )
    assert database.execute(prune).fetchone() == (1,)
    database.execute("update public.documents set status = 'failed'")
    assert database.execute(prune).fetchone() == (1,)


def test_a_release_flips_and_never_to_an_empty_slot(database):
    flip = "select public.rpc_flip_release('instant-1')"
    assert database.execute(flip).fetchone() == ("blue",)
    assert database.execute(flip).fetchone() == ("green",)
    database.execute("update public.model_releases set blue_artifact_id = null")
    with pytest.raises(psycopg.errors.CheckViolation, match="no artifact"):
        database.execute(flip)


def test_artifacts_are_the_files_in_the_buckets_folder(database):
    rows = database.execute("select bucket, path, sha256, size_bytes from public.model_artifacts").fetchall()
    assert len(rows) == 2
    for bucket, path, sha256, size in rows:
        content = (HOUSE / "supabase" / "buckets" / bucket / path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, size)


def test_the_audit_log_refuses_every_change_from_everyone(database):
    for statement in (
        "update public.agent_decisions set action = 'x'",
        "delete from public.agent_decisions",
        "truncate public.agent_decisions",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append only"):
            database.execute(statement)


def test_an_admin_cannot_make_an_owner(database):
    user = "00000000-0000-4000-8000-0000000000c1"
    database.execute("insert into auth.users (id, email) values (%s, 'carol@acme.example')", [user])
    database.execute("insert into public.members values (%s, %s, 'admin')", [ACME, user])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), acting_as(database, "authenticated", user):
        database.execute("update public.members set role = 'owner' where user_id = %s", [user])
    with acting_as(database, "authenticated", user):
        changed = database.execute("update public.members set role = 'member' where user_id = %s", [ALICE])
        assert changed.rowcount == 0


def test_a_conversation_belongs_to_its_user_alone(database):
    colleague = "00000000-0000-4000-8000-0000000000c1"
    database.execute("insert into auth.users (id, email) values (%s, 'carol@acme.example')", [colleague])
    database.execute("insert into public.members values (%s, %s, 'owner')", [ACME, colleague])
    count = "select (select count(*) from public.conversations), (select count(*) from public.messages)"
    with acting_as(database, "authenticated", colleague):
        assert database.execute(count).fetchone() == (0, 0)
    with acting_as(database, "authenticated", ALICE):
        assert database.execute(count).fetchone() == (1, 1)


def test_partitions_stay_out_of_the_exposed_schema_and_reach_into_the_future(database):
    rows = database.execute(
        "select relnamespace::regnamespace::text from pg_class where relispartition and relkind = 'r'"
    ).fetchall()
    assert len(rows) == 4
    assert set(rows) == {("private",)}
    made = database.execute("select private.ensure_metric_partitions(5), private.ensure_metric_partitions(5)")
    assert made.fetchone() == (3, 0)
    database.execute(
        "insert into public.metrics (organization_id, name, value, recorded_at)"
        " values (%s, 'x', 1, now() + interval '5 months')",
        [ACME],
    )


def test_cleanup_drops_what_is_past_its_retention_and_nothing_else(database):
    database.execute(
        "create table private.metrics_2020_01 partition of public.metrics"
        " for values from ('2020-01-01') to ('2020-02-01')"
    )
    before = database.execute("select count(*) from public.metrics").fetchone()
    assert database.execute("select private.cleanup()").fetchone() == (1,)
    assert database.execute("select to_regclass('private.metrics_2020_01')").fetchone() == (None,)
    assert database.execute("select count(*) from public.metrics").fetchone() == before


def test_a_broken_rule_opens_one_alert_which_resolves_by_itself(database):
    def record(value):
        database.execute(
            "insert into public.metrics (organization_id, name, value, recorded_at)"
            " values (%s, 'request_latency_ms', %s, clock_timestamp())",
            [ACME, value],
        )

    check = "select private.check_alerts()"
    record(900)
    assert database.execute(check).fetchone() == (1,)
    assert database.execute(check).fetchone() == (0,)
    record(100)
    assert database.execute(check).fetchone() == (1,)
    assert database.execute("select from public.alerts where status = 'open'").fetchone() is None


def test_an_unusual_rollup_becomes_an_anomaly_once(database):
    database.execute(
        """
        insert into public.metric_rollups (organization_id, name, bucket, samples, minimum, maximum, average)
        select %s, 'unusual', date_bin('5 minutes', now(), 'epoch') - n * interval '5 minutes', 1, 0, 0,
               case n when 0 then 1000 else 100 + n %% 3 end
        from generate_series(0, 20) as n
        """,
        [ACME],
    )
    detect = "select private.detect_anomalies()"
    assert database.execute(detect).fetchone() == (1,)
    assert database.execute(detect).fetchone() == (0,)
    row = database.execute(
        "select labels ->> 'metric', value > 3 from public.metrics where name = 'anomaly_score'"
    )
    assert row.fetchone() == ("unusual", True)


def test_metrics_roll_up_into_buckets_once(database):
    database.execute(
        "insert into public.metrics (organization_id, name, value)"
        " select %s, 'rolled', n from generate_series(1, 4) as n",
        [ACME],
    )
    first = database.execute("select private.aggregate_metrics()").fetchone()
    assert first
    assert first[0] >= 1
    assert database.execute("select private.aggregate_metrics()").fetchone() == (0,)
    row = database.execute(
        "select sum(samples), min(minimum), max(maximum) from public.metric_rollups where name = 'rolled'"
    )
    assert row.fetchone() == (4, 1, 4)


def test_every_scheduled_job_can_be_run_by_its_name(database):
    jobs = [name for (name,) in database.execute("select jobname from cron.job order by jobid")]
    assert jobs == ["aggregate-metrics", "detect-anomalies", "check-alerts", "cleanup", "prune-vectors"]
    with acting_as(database, "service_role"):
        for job in jobs:
            row = database.execute("select public.rpc_run_job(%s)", [job]).fetchone()
            assert row
            assert row[0]["job"] == job
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="no job named"):
        database.execute("select public.rpc_run_job('nonsense')")


def test_objects_are_seen_by_members_of_their_folder_only(database):
    database.execute(
        "insert into storage.objects (bucket_id, name) values"
        f" ('documents', '{ACME}/a.txt'), ('documents', '{GLOBEX}/b.txt'), ('documents', 'loose.txt'),"
        f" ('models-blue', '{ACME}/weights')"
    )
    with acting_as(database, "authenticated", ALICE):
        assert database.execute("select name from storage.objects").fetchall() == [(f"{ACME}/a.txt",)]
    with acting_as(database, "anon"):
        assert database.execute("select name from storage.objects").fetchall() == []
