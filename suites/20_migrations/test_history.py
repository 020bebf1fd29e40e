"""Whether the deployed database was made by the migrations of this project, and by all of them."""

from shipworthy import needs
from shipworthy.probes.postgres.effects import without_effect
from shipworthy.probes.postgres.history import read_order


@needs("database.live")
def test_no_migration_is_pending(history, findings):
    """Every migration of the project is applied on the live database.

    Why: code that is deployed before its migration meets tables and functions that are not there.
    Fix: apply what is missing with `supabase db push`. (One older than what live has is a check of its own.)
    """
    findings.looked_at(len(history.applied), "applied migrations")
    for migration in history.pending:
        if migration.version not in history.late:
            findings.add(
                migration.path.name,
                saw="it is in the project but not applied on live",
                want="every migration applied before the version that needs it",
                fix="run `supabase db push`, or remove the file",
            )


@needs("database.live")
def test_no_migration_comes_too_late(history, live, findings, evidence):
    """No migration that waits to be applied is older than one that live has already.

    Why: `supabase db push` refuses it, and applied late it runs on a schema that it was never tried on; from
    zero it runs before the newer one.
    Fix: give the file a new version (`supabase migration new`), so that it comes last everywhere.
    """
    findings.looked_at(len(history.applied), "applied migrations")
    for migration in history.pending:
        if migration.version in history.late:
            findings.add(
                migration.path.name,
                saw=f"it is not applied on live, which has {history.applied[-1].version} already",
                want="a version newer than every applied one",
                fix=f"`supabase migration new {migration.name}`, and move the statements there; if order is"
                " no matter, `supabase db push --include-all`",
            )
    overtaken = read_order(live).overtaken
    if overtaken:
        evidence.note(f"recorded on live after newer ones: {', '.join(overtaken)}")


@needs("database.live")
def test_recorded_migrations_took_effect(history, project, drift, findings):
    """Of every migration that live has recorded, something is there.

    Why: a migration that was marked as applied (`supabase migration repair`) but never ran will never run
    again, and the version that needs it fails in production.
    Fix: mark it as not applied and push it.
    """
    findings.looked_at(len(history.applied), "applied migrations")
    applied = {entry.version for entry in history.applied}
    for found in without_effect(project.migrations, applied, drift.project, drift.live):
        shown = ", ".join(found.missing[:5]) + (", …" if len(found.missing) > 5 else "")
        findings.add(
            found.migration.path.name,
            saw=f"live has it recorded as applied, and nothing of what it makes: {shown}",
            want="what was recorded to be there",
            fix=f"`supabase migration repair --status reverted {found.migration.version}`, then"
            " `supabase db push --include-all`",
        )


@needs("database.live")
def test_no_migration_is_unknown(history, findings):
    """Every migration that was applied on the live database is in the project.

    Why: what only the database knows cannot be rebuilt, and `supabase db push` refuses to go on.
    Fix: bring the file back from the branch that applied it.
    """
    for entry in findings.over(history.applied, "applied migrations"):
        if entry in history.unknown:
            findings.add(
                f"{entry.version}_{entry.name}.sql",
                saw="it is applied on live but is not in the project",
                want="a file for every applied migration",
                fix="restore the file (`supabase migration fetch`), or, where its changes are undone,"
                f" run `supabase migration repair --status reverted {entry.version}`",
            )


@needs("database.live")
def test_applied_migrations_are_unchanged(history, findings, evidence):
    """No migration was edited after it was applied.

    Why: the edit never reaches the live database, so that a fresh one and the live one are not the same.
    Fix: undo the edit and write it as a new migration.
    """
    findings.looked_at(len(history.applied) - len(history.unrecorded), "applied migrations with statements")
    if history.unrecorded:
        evidence.note(f"recorded without statements, so not compared: {', '.join(history.unrecorded)}")
    for edited in history.edited:
        findings.add(
            edited.migration.path.name,
            saw=f"applied (-) and the file (+) differ:\n{edited.difference}",
            want="the statements that were applied",
            fix=f"`git restore` the file and put the change into a new one: `supabase migration new"
            f" {edited.migration.name}_again`",
        )
