"""Whether a backup of the deployed database brings it back.

The backup is taken with pg_dump, restored into a scratch database and compared with the original as
one snapshot showed it; nothing is written to the original. The dump itself is not kept.
"""

from shipworthy import alone, needs


@alone
@needs("recovery", "database.live")
def test_backup_restores_in_time(restore_proof, target, findings, evidence):
    """A backup of the live database restores without an error, within the promised time.

    Why: `pg_restore` ends with most of the database and a list of errors where a function, role or
    constraint does not survive the way; nobody sees that before the day it is needed.
    Fix: make what the failed entry needs independent of the session: qualify every name in functions that
    constraints, indexes and generated columns use.
    """
    limit = target.recovery.restore_within_s
    evidence.text("table-of-contents.txt", "\n".join(restore_proof.entries))
    evidence.measure("backup", restore_proof.dump_s, "s", samples=1)
    evidence.measure("restore", restore_proof.restore_s, "s", samples=1, limit=limit)
    evidence.measure("backup size", restore_proof.dump_bytes / 1024, "KiB", samples=1)
    if restore_proof.left_out:
        evidence.note(f"extensions that the scratch server lacks: {', '.join(restore_proof.left_out)}")
    findings.looked_at(len(restore_proof.entries), "entries of the backup")
    for failure in restore_proof.failures:
        findings.add(
            failure.entry,
            saw=f"it does not restore: {failure.message}",
            want="a backup that restores without errors",
            fix="make it independent of the session that restores: qualify the names in the functions that it"
            " uses (public.…), repair rows that break a constraint, then take a new backup",
        )
    if restore_proof.restore_s > limit:
        findings.add(
            "restore",
            saw=f"it took {restore_proof.restore_s:.1f} s",
            want=f"at most {limit:.0f} s, as promised",
            fix="restore with `pg_restore --jobs`, move bulk data out, or raise recovery.restore_within_s",
        )


@alone
@needs("recovery", "database.live")
def test_restored_rows_are_equal(restore_proof, findings):
    """Every table is in the backup and comes back with the same rows.

    Why: a table that is left out or comes back short is data lost on the day of the disaster.
    Fix: see which entry of the backup failed, and repair its rows or its constraint.
    """
    for table in findings.over(restore_proof.rows, "tables"):
        if table.restored is None:
            findings.add(
                table.table,
                saw=f"its {table.live.rows} rows are not in the restored database, nor is the table",
                want="every table of the original",
                fix=f"see why pg_dump leaves {table.table} out: `pg_dump --table={table.table}`",
            )
        elif table.restored != table.live:
            rows = f"{table.restored.rows} of {table.live.rows} rows came back"
            findings.add(
                table.table,
                saw=rows
                if table.restored.rows != table.live.rows
                else "the same number of rows, other contents",
                want="the same rows as the original had",
                fix="see the failed entries of test_backup_restores_in_time: one of them is this table's",
            )
    findings.looked_at(sum(table.live.rows for table in restore_proof.rows), "rows")


@alone
@needs("recovery", "database.live")
def test_restored_schema_is_equal(restore_proof, findings):
    """The restored schema is the original one: tables, policies, functions, grants.

    Why: a database that comes back without its policies is an open one.
    Fix: see which entry of the backup failed; what is missing here depends on it.
    """
    findings.looked_at(restore_proof.facts, "facts of the schema")
    for difference in restore_proof.differences:
        findings.add(
            difference.subject,
            saw="it did not come back"
            if difference.live is None
            else f"original: {difference.project}; restored: {difference.live}",
            want="the same as in the original",
            fix="see the failed entries of test_backup_restores_in_time; what is missing depends on them",
        )


@alone
@needs("recovery", "database.live")
def test_numbering_continues_after_restore(restore_proof, findings):
    """After the restore every identity column continues behind its largest number.

    Why: a sequence that is behind its column restores without an error, and then every insert collides.
    Fix: `select setval('…', (select max(…) from …))` on live.
    """
    for numbering in findings.over(restore_proof.numberings, "columns filled by sequences"):
        if numbering.largest is not None and numbering.next <= numbering.largest:
            table, _, column = numbering.column.rpartition(".")
            findings.add(
                numbering.column,
                saw=f"its next number is {numbering.next}, but {numbering.largest} is taken",
                want="the next number free, so that inserts work",
                fix=f"select setval('{numbering.sequence}', (select max({column}) from {table}));",
            )
