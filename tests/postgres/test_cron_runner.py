"""Where pg_cron is stood in for, its jobs run all the same."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from fixtures.reference.services.cron import NEVER, Job
from shipworthy.probes.postgres.embedded import HOST, free_port

HOUSE = Path(__file__).parents[2]
PATIENCE_S = 60
RUNS = (
    "select status, return_message from cron.job_run_details join cron.job using (jobid) where jobname = %s"
)


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.1)
    pytest.fail(f"not within {PATIENCE_S} s: {what}")


@pytest.fixture
def start_runner(database, scratch):
    """Start the runner on the database and wait until it calls itself ready."""
    started = []
    database.execute("update cron.job set database = current_database()")  # they name the template

    def start():
        port = free_port()
        dsn = scratch.dsn(database.info.dbname)
        process = subprocess.Popen(
            [sys.executable, "-m", "fixtures.reference.services.cron"],
            env={"PORT": str(port), "DATABASE_URL": dsn, "PYTHONPATH": str(HOUSE), "PATH": "/usr/bin:/bin"},
        )
        started.append(process)

        def ready():
            assert process.poll() is None, "the runner ended"
            try:
                return httpx.get(f"http://{HOST}:{port}/healthz", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(ready, "the runner is ready")

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def test_every_job_has_succeeded_once_the_runner_is_ready(database, start_runner):
    start_runner()
    rows = database.execute(
        "select j.jobname, array_agg(d.status) from cron.job as j"
        " left join cron.job_run_details as d using (jobid) group by 1"
    ).fetchall()
    assert len(rows) == 5
    assert [name for name, states in rows if states[:1] != ["succeeded"]] == []


def test_a_failing_job_is_recorded_as_such_and_keeps_no_other_from_running(database, start_runner):
    database.execute("select cron.schedule('broken', '* * * * *', 'select 1 / 0')")
    start_runner()
    assert database.execute(RUNS, ["broken"]).fetchone() == ("failed", "ERROR:  division by zero\n")
    assert database.execute(RUNS, ["check-alerts"]).fetchone() == ("succeeded", "1 row")


def test_jobs_run_as_their_user_and_in_their_database_only(database, start_runner):
    database.execute("select cron.schedule('who', '* * * * *', 'select 1 / (current_user = ''anon'')::int')")
    database.execute("update cron.job set username = 'anon' where jobname = 'who'")
    database.execute("select cron.schedule_in_database('elsewhere', '* * * * *', 'select 1', 'template1')")
    start_runner()
    assert database.execute(RUNS, ["who"]).fetchone() == ("succeeded", "1 row")
    assert database.execute(RUNS, ["elsewhere"]).fetchone() is None


def test_jobs_come_and_go_while_the_runner_runs(database, start_runner):
    start_runner()
    database.execute("select cron.schedule('often', '1 seconds', 'select 1')")
    wait_until(lambda: len(database.execute(RUNS, ["often"]).fetchall()) >= 3, "three runs")
    database.execute("select cron.alter_job(jobid, active => false) from cron.job where jobname = 'often'")
    time.sleep(1.5)  # one that had begun may end
    before = len(database.execute(RUNS, ["often"]).fetchall())
    time.sleep(3)
    assert len(database.execute(RUNS, ["often"]).fetchall()) == before


def test_schedules_are_read_in_utc_and_nonsense_is_never_due():
    def due(schedule):
        return Job(1, schedule, "select 1", "postgres").next_run(datetime(2026, 11, 20, 8, 31, tzinfo=UTC))

    assert due("0 3 * * *") == datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    assert due("*/15 * * * *") == datetime(2026, 11, 20, 8, 45, tzinfo=UTC)
    assert due("30 seconds") == datetime(2026, 11, 20, 8, 31, 30, tzinfo=UTC)
    assert due("nonsense") == due("0 0 31 2 *") == NEVER
