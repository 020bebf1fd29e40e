"""The scheduled jobs: in the database, and behind the edge functions of the scheduler."""

import datetime as dt

import httpx

from shipworthy import ProbeError, mutates, needs
from shipworthy.probes.cron import last_due

GRACE = dt.timedelta(minutes=3)
FREQUENT = dt.timedelta(hours=1)
REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


def scheduled_jobs(live, evidence):
    """Read ``cron.job`` by name; no such table is no job."""
    if live.execute("select to_regclass('cron.job')").fetchone()[0] is None:
        return {}
    described = live.execute("select obj_description(to_regnamespace('cron'), 'pg_namespace')").fetchone()[0]
    if described and "stand-in" in described:
        evidence.note(described)
    rows = live.execute("select jobname, jobid, schedule, command, active from cron.job order by jobid")
    columns = ("id", "schedule", "command", "active")
    jobs = {name: dict(zip(columns, values, strict=True)) for name, *values in rows}
    evidence.json("jobs", jobs)
    return jobs


def latest_runs(live):
    """Read when each job last started and how its last finished run ended, by the job's id."""
    rows = live.execute("""
        select jobid, max(start_time),
               (array_agg(status order by start_time desc) filter (where end_time is not null))[1],
               (array_agg(return_message order by start_time desc) filter (where end_time is not null))[1]
        from cron.job_run_details group by jobid
    """)
    return {job: {"started": at, "status": status, "message": said} for job, at, status, said in rows}


@needs("supabase.cron_jobs", "database.live")
def test_jobs_are_scheduled_as_declared(live, target, findings, evidence):
    """Every declared job is in the database's scheduler, active, with the declared schedule.

    Why: a job that is not there fails nothing and reports nothing; it just does not happen.
    Fix: schedule it in a migration: `select cron.schedule('NAME', 'SCHEDULE', 'COMMAND');`.
    """
    jobs = scheduled_jobs(live, evidence)
    for name, schedule in findings.over(target.supabase.cron_jobs.items(), "declared jobs"):
        job = jobs.get(name)
        if job is None:
            saw, fix = "not scheduled", f"select cron.schedule('{name}', '{schedule}', '…');"
        elif job["schedule"] != schedule:
            saw, fix = (
                f"scheduled at {job['schedule']}",
                f"select cron.alter_job({job['id']}, schedule => '{schedule}');",
            )
        elif not job["active"]:
            saw, fix = "scheduled but not active", f"select cron.alter_job({job['id']}, active => true);"
        else:
            continue
        findings.add(f"cron job {name}", saw=saw, want=f"active at {schedule}", fix=fix)


@needs("supabase.cron_jobs", "database.live")
def test_jobs_ran_when_they_were_due(live, target, findings, evidence):
    """Every declared job that was due has run, and its latest run succeeded.

    Why: the scheduler swallows errors; a broken job is a row in cron.job_run_details that nobody reads.
    Fix: read the message, run the job's command by hand, and look whether pg_cron's worker is running.
    """
    jobs = scheduled_jobs(live, evidence)
    if not jobs:
        raise ProbeError("there is no cron.job to read; see platform.cron.jobs_are_scheduled_as_declared")
    runs = latest_runs(live)
    now, started = live.execute("select now(), pg_postmaster_start_time()").fetchone()
    evidence.json("latest-runs", runs)
    for name in findings.over(target.supabase.cron_jobs, "declared jobs"):
        job = jobs.get(name)
        if job is None or not job["active"]:
            continue  # the other check reports it
        run = runs.get(job["id"], {"started": None, "status": None})
        due = missed(job["schedule"], run["started"], now.astimezone(dt.UTC), started)
        if run["status"] == "failed":
            saw, fix = f"its latest run failed: {run['message']}", f"run it by hand: {job['command']}"
            findings.add(f"cron job {name}", saw=saw, want="its latest run succeeded", fix=fix)
        elif due:
            saw = f"last started {run['started'] or 'never'}"
            fix = "see whether pg_cron runs: select * from pg_stat_activity where backend_type ~ 'cron';"
            findings.add(f"cron job {name}", saw=saw, want=f"a run at {due:%Y-%m-%d %H:%M} UTC", fix=fix)


def missed(schedule, last_start, now, server_start):
    """Give the moment of the run that is missing; before the server started nothing was due."""
    due = last_due(schedule, now - GRACE)
    if due <= server_start + GRACE or (last_start and last_start >= due):
        return None
    if last_start is None and due - last_due(schedule, due) > FREQUENT:
        return None  # it may have been scheduled since: when, the scheduler does not say
    return due


@needs("supabase.functions", "supabase.cron_secret")
def test_cron_functions_take_only_their_secret(cron_functions, wrong_keys, service_key, findings):
    """The scheduler's functions refuse everything but CRON_SECRET.

    Why: they are reachable by everyone and do heavy work; the secret is all that stands before them.
    Fix: compare `Authorization: Bearer` with CRON_SECRET, in constant time, before anything else.
    """
    keys = {**wrong_keys, "another secret": "x" * 32, "the service key": service_key}
    for name in findings.over(cron_functions.names, "cron functions"):
        for kind, key in keys.items():
            answer = cron_functions.functions.call(name, key=key, reads=True)
            if answer.status_code not in REFUSED:
                findings.add(
                    f"functions/{name}",
                    saw=f"{answer.status_code} for {kind}",
                    want="401 or 403",
                    fix="call requireCronSecret(request) first; it belongs before the job is looked up",
                )


@needs("supabase.functions", "supabase.cron_secret", "supabase.metrics")
@mutates
def test_cron_functions_do_their_work(cron_functions, synthetic, supabase_service, findings):
    """With the secret each of the scheduler's functions runs its job and says what it did.

    Why: a scheduler looks at the status only; a function that answers 200 and does nothing looks healthy.
    Fix: call the job's SQL by hand (`select public.rpc_run_job('NAME')`), then the function's log.
    """
    organization = synthetic.organization()
    synthetic.expect_rows("metrics", organization_id=organization)
    rule = synthetic.row(
        "alert_rules",
        organization_id=organization,
        name="Too slow",
        metric="latency",
        comparator=">",
        threshold=5,
    )
    measured = {"organization_id": organization, "name": "latency", "value": 9}
    supabase_service.table("metrics").insert(measured).execute()

    for name in findings.over(cron_functions.names, "cron functions"):
        judge_job(findings, name, cron_functions.run(name))
    for table, job in (("metric_rollups", "aggregate-metrics"), ("alerts", "check-alerts")):
        found = synthetic.rows(table, organization_id=organization)
        if len(found) != 1:
            saw = f"{len(found)} rows of {table} for the measurement that breaks rule {rule['id']}"
            fix = f"select public.rpc_run_job('{job}');"
            findings.add(f"functions/cron/{job}", saw=saw, want="one row", fix=fix)


def judge_job(findings, name, answer):
    """Report an answer that does not say which job did how much and when."""
    job = name.removeprefix("cron/")
    try:
        told = answer.json()
        good = answer.is_success and told["job"] == job and isinstance(told["affected"], int)
        good = good and dt.datetime.fromisoformat(told["finished_at"]).tzinfo is not None
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        findings.add(
            f"functions/{name}",
            saw=f"{answer.status_code} {answer.text[:120]}",
            want=f'200 with {{"job": "{job}", "affected": a number, "finished_at": a time}}',
            fix=f"select public.rpc_run_job('{job}'); then the log of the function",
        )
