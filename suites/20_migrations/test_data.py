"""Whether the data that the project itself declares is deployed: buckets, jobs, written rows, secrets.

What users and the service write is theirs and is not looked at.
"""

from shipworthy import needs


@needs("database.live")
def test_buckets_are_as_declared(buckets, findings, evidence):
    """Every bucket of the migrations and of config.toml is on live with its settings, and no other is.

    Why: a limit or a type list that was lifted in the dashboard is how a bucket becomes a file dump.
    Fix: set it back on live, or declare it in a migration or under `[storage.buckets]`.
    """
    _report(buckets, "buckets and the place for them", findings, evidence)


@needs("database.live")
def test_cron_jobs_are_as_scheduled(jobs, findings, evidence):
    """Every job that migrations schedule is on live as they schedule it, is active, and no other is.

    Why: a job that was paused during an incident stays paused, and nobody notices what no longer happens.
    Fix: schedule it again on live, or change it in a migration.
    """
    _report(jobs, "jobs and the place for them", findings, evidence)


@needs("database.live")
def test_written_rows_are_deployed(written_rows, findings, evidence):
    """Every row that a migration inserts is on live, with the values that no user may change.

    Why: code relies on plans, roles and flags by name, and a missing row is an error that no test meets.
    Fix: insert the row again, or remove or change it in a migration.
    """
    _report(written_rows, "tables, written rows and the place for them", findings, evidence)


@needs("database.live")
def test_vault_has_the_secrets_that_are_read(vault_secrets, findings, evidence):
    """Every secret that functions, views and jobs read from the vault by name is in the live vault.

    Why: a missing secret is null inside the function, and the call that needed it fails far away.
    Fix: `select vault.create_secret('…', 'name')` on live.
    """
    _report(vault_secrets, "functions, views and jobs", findings, evidence)


def _report(comparison, what, findings, evidence):
    findings.looked_at(comparison.looked_at, what)
    for note in comparison.notes:
        evidence.note(note)
    for mismatch in comparison.mismatches:
        findings.add(mismatch.subject, saw=mismatch.saw, want=mismatch.want, fix=mismatch.remedy)
