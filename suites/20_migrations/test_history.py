"""Whether the deployed database was made by the migrations of this project, and by all of them."""

from shipworthy import needs


@needs("database.live")
def test_no_migration_is_pending(history, findings):
    """Every migration of the project is applied on the live database.

    Why: code that is deployed before its migration meets tables and functions that are not there.
    Fix: apply what is missing with `supabase db push`.
    """
    findings.looked_at(len(history.applied), "applied migrations")
    for migration in history.pending:
        late = migration.version in history.late
        findings.add(
            migration.path.name,
            saw="it is in the project but not applied on live"
            + (", which has newer ones already" if late else ""),
            want="every migration applied before the version that needs it",
            fix=f"run `supabase db push{' --include-all' if late else ''}`, or remove the file",
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
