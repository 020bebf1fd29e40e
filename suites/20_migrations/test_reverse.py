"""Whether there is a way back, and where it leads."""

from shipworthy import needs
from shipworthy.probes.postgres.upgrade.reverse import misplaced_ways_back


@needs("database")
def test_down_migrations_undo_their_migrations(completed_upgrade, upgrade_limits, findings, evidence):
    """Up, down and up again ends in the same catalogue and keeps the rows that were there before.

    Why: a way back that was never gone is found out to be none on the day that it is needed.
    Fix: undo in `migrations/down/<version>_<name>.sql` what the migration of that version makes, and no more.
    """
    upgrade = completed_upgrade
    findings.looked_at(len(upgrade.pending), "migrations")
    evidence.note(f"{len(upgrade.back)} of {len(upgrade.pending)} rehearsed migrations have a way back")
    if upgrade_limits.reverse == "required" and not upgrade.moot:
        for file in upgrade.without_way_back:
            findings.add(
                f"migrations/{file}",
                saw=f"there is no migrations/down/{file}",
                want='a way back for every pending migration (database.upgrade.reverse = "required")',
                fix=f"write migrations/down/{file} with the statements that undo it, the last one first",
            )
    for back in upgrade.back:
        for saw, fix in troubles(back):
            findings.add(
                f"migrations/{back.down}", saw=saw, want=f"what was there before {back.file}", fix=fix
            )


@needs("database")
def test_no_way_back_lies_where_it_is_applied(project, findings):
    """No down migration lies where the Supabase CLI applies it on its way forward.

    Why: to the CLI `<version>_<name>.down.sql` is a migration, and a `-- migrate:down` line is a comment:
    what is meant to undo a change is run with it.
    Fix: move it to `migrations/down/<version>_<name>.sql`, a folder that the CLI does not look into.
    """
    findings.looked_at(len(project.migrations), "migrations")
    for file, how in misplaced_ways_back(project):
        up = file.name.replace(".down.sql", ".sql")
        findings.add(
            f"migrations/{file.name}",
            saw=f"`supabase db push` applies the way back {how}",
            want="ways back in a folder of their own",
            fix=f"move its statements to migrations/down/{up}",
        )


def troubles(back):
    """Give what is wrong with one way back, and what to do."""
    if back.refusal:
        yield f"up, down, up was refused: {back.refusal}", "correct that statement"
    if back.left:
        yield (
            f"after up and down these differ from before: {listed(back.left)}",
            "undo each of them: drop what was made, make again what was dropped",
        )
    if back.again:
        yield (
            f"after up, down and up these differ from the first time: {listed(back.again)}",
            "undo the migration as a whole, so that it finds what it started from",
        )
    survival = back.survival
    if survival and (survival.lost or survival.dropped or survival.changes):
        gone = [f"{rows} rows of {table}" for table, rows in {**survival.lost, **survival.dropped}.items()]
        gone += [f"the values of {change.table}.{change.column}" for change in survival.changes]
        yield (
            f"after up and down these are gone: {listed(gone)}",
            "keep them aside on the way up and bring them back",
        )


def listed(things):
    """Name the first eight of some things."""
    return "; ".join(things[:8]) + (f"; and {len(things) - 8} more" if len(things) > 8 else "")
