"""The same promises hold in a container: a scratch server there, and pg_cron itself."""

import secrets
import time

import psycopg
import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.bootstrap import bootstrap, read_stand_ins
from shipworthy.probes.postgres.container import remove_containers
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed, read_history
from shipworthy.probes.postgres.restoration import prove_restore
from shipworthy.probes.postgres.scratch import connect_scratch, open_scratch

pytestmark = [pytest.mark.container, pytest.mark.usefixtures("container_engine")]


@pytest.fixture(scope="module")
def server(container_engine, tmp_path_factory):
    run = secrets.token_hex(5)
    yield open_scratch("container", image=container_engine, run=run, folder=tmp_path_factory.mktemp("unused"))
    assert len(remove_containers(run)) == 1
    assert remove_containers(run) == []


def test_the_reference_project_migrates_and_seeds_in_a_container(server, reference_project):
    def fill(dsn):
        with connect_scratch(dsn) as connection:
            apply_migrations(connection, reference_project)
            apply_seed(connection, reference_project)
            apply_seed(connection, reference_project)

    clone = server.clone(server.template("migrated", fill, base=server.platform()))
    with connect_scratch(clone) as connection:
        assert len(read_history(connection)) == len(reference_project.migrations)
        assert connection.execute("select count(*) from public.documents").fetchone() == (2,)
        assert "pg_cron" in read_stand_ins(connection)
    server.drop(clone)


def test_the_servers_own_database_has_the_real_pg_cron(server, reference_project):
    with connect_scratch(server.admin) as connection:
        bootstrap(connection)  # fills what Supabase's own image leaves to its other services
        apply_migrations(connection, reference_project)
        apply_seed(connection, reference_project)
        assert "pg_cron" not in read_stand_ins(connection)
        assert connection.execute("select count(*) from cron.job where active").fetchone() == (5,)


def test_the_real_pg_cron_runs_its_jobs(server):
    with connect_scratch(server.admin) as connection:
        connection.execute("create extension if not exists pg_cron")
        row = connection.execute("select cron.schedule('probe', '1 seconds', 'select 1')").fetchone()
        states = "select status from cron.job_run_details where jobid = %s and end_time is not null limit 1"
        deadline = time.monotonic() + 60
        while not (ran := connection.execute(states, row).fetchone()) and time.monotonic() < deadline:
            time.sleep(0.2)
        connection.execute("select cron.unschedule('probe')")
    assert ran == ("succeeded",)


def test_the_server_keeps_to_its_password(server):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.admin.replace(server.admin.split(":")[2].split("@")[0], "wrong"))


def test_an_image_that_cannot_be_had_is_named(tmp_path):
    with pytest.raises(
        ProbeError, match=r"image shipworthy/no-such-image:1 is not here and cannot be pulled"
    ):
        open_scratch("container", image="shipworthy/no-such-image:1", run="none", folder=tmp_path)


def test_what_is_deployed_there_is_restored_on_another_server(server, scratch, reference_project, tmp_path):
    scratch.platform()  # makes the roles, which are the server's
    live, copy = (
        server.clone(server.platform()),
        scratch.clone(scratch.template("bare", lambda _: None, base=None)),
    )
    with connect_scratch(live) as connection:
        apply_migrations(connection, reference_project)
        apply_seed(connection, reference_project)
        connection.execute("alter table public.documents alter column title set (n_distinct = 9)")
    proof = prove_restore(live, copy, tmp_path)
    server.drop(live)
    scratch.drop(copy)
    lost = [failure for failure in proof.failures if "EXTENSION" not in failure.entry]
    lost += [difference for difference in proof.differences if "extension" not in difference.kind]
    lost += [table.table for table in proof.rows if table.restored != table.live]
    assert lost == [], "all but the extensions that this server does not have"
    assert len(proof.rows) > 20
