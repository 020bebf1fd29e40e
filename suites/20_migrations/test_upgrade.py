"""Whether the pending migrations can be applied where people work: rehearsed on a filled copy, under traffic.

Where nothing is pending on live, the newest migration is rehearsed again on what was there before it; live
has it already, so what is seen then is kept as evidence and is no finding.
"""

from shipworthy import needs
from shipworthy.probes.postgres.upgrade.hazards import find_hazards
from shipworthy.probes.postgres.upgrade.remedies import mend
from shipworthy.probes.postgres.upgrade.timeline import draw_locks


@needs("database")
def test_pending_migrations_apply_to_filled_tables(upgrade, findings, evidence):
    """Every pending migration applies to tables with rows in them.

    Why: what applies to an empty database can fail on rows: nulls, doubles, values that a new rule forbids.
    Fix: give new columns a default, and bring the rows in order before the rule that they break.
    """
    evidence.json("upgrade.json", upgrade)
    evidence.note(rehearsed(upgrade))
    for note in upgrade.notes:
        evidence.note(note)
    for table, reason in upgrade.unfilled.items():
        evidence.note(f"no rows in {table}: {reason}")
    findings.looked_at(len(upgrade.pending), "migrations")
    for refusal in upgrade.refusals:
        where, said = refusal.place.subject, f"{refusal.message} (SQLSTATE {refusal.sqlstate})"
        # Rows that live does not have, or that nobody knows to be there, break nothing.
        unknown = refusal.live_rows is None and not upgrade.live
        if upgrade.moot or (refusal.about_rows and not refusal.empty and (refusal.live_rows == 0 or unknown)):
            evidence.note(f"{where}: rows that the schema allows break it, {said}; live has none known")
            continue
        parts = (said, refusal.detail, refusal.hint, asked(refusal) if upgrade.live else "")
        told = ". ".join(part.rstrip(".") for part in parts if part)
        findings.add(
            where,
            saw=f"`{refusal.place.head}`: {told}",
            want="a statement that applies to the rows that are there",
            fix=mend(refusal.sqlstate, refusal.place.sql),
        )


@needs("database")
def test_pending_migrations_keep_nobody_waiting(completed_upgrade, upgrade_limits, findings, evidence):
    """No pending migration works through a large table under a lock that keeps readers or writers out.

    Why: a lock lasts until its transaction ends; until then every query of that table queues up, and the API
    with it.
    Fix: `create index concurrently`, `not valid` and `validate`, batches: each finding says which.
    """
    upgrade, limits = completed_upgrade, upgrade_limits
    evidence.text("locks.svg", draw_locks(upgrade))
    measure(upgrade, limits, evidence)
    findings.looked_at(len(upgrade.pending), "migrations")
    if upgrade.moot:
        evidence.note(rehearsed(upgrade))
        return
    hazards = find_hazards(upgrade, large_rows=limits.large_rows, max_lock_ms=limits.max_lock_ms)
    for hazard in hazards:
        findings.add(
            f"{hazard.place.subject} {hazard.table}", saw=hazard.saw, want=hazard.want, fix=hazard.remedy
        )
    told = {hazard.table for hazard in hazards}
    for stall in upgrade.stalls:
        if stall.waited_ms > limits.max_stall_ms and stall.table not in told:
            step = upgrade.steps[stall.behind] if stall.behind is not None else None
            told.add(stall.table)
            findings.add(
                f"{step.place.subject} {stall.table}" if step else stall.table,
                saw=f"a {stall.operation} by primary key waited {stall.waited_ms:.0f} ms"
                + (f" for `{step.place.head}`" if step else ""),
                want=f"at most {limits.max_stall_ms:.0f} ms (database.upgrade.max_stall_ms)",
                fix="move what comes after the lock into a migration of its own, and begin this one with"
                " `set local lock_timeout = '2s'`",
            )


@needs("database")
def test_rows_survive_pending_migrations(completed_upgrade, upgrade_limits, findings, evidence):
    """No pending migration loses rows or values that it does not say it changes.

    Why: a column that is dropped and added again is empty, and no migration brings its values back.
    Fix: rename, change the type with `using`, or copy the values before the old place goes.
    """
    upgrade, survival = completed_upgrade, completed_upgrade.survival
    findings.looked_at(len(upgrade.pending), "migrations")
    evidence.note(f"{survival.rows} rows in {survival.tables} tables, {survival.columns} columns compared")
    for text in survival.named:
        evidence.note(text)
    if upgrade.moot:
        evidence.note(rehearsed(upgrade))
        return
    files = ", ".join(upgrade.pending)
    for table, rows in survival.dropped.items():
        if not upgrade.live:
            evidence.note(f"{table}: dropped; how many rows it has where it is deployed is not known")
        elif table not in upgrade_limits.may_drop:
            findings.add(
                table,
                saw=f"{files}: the table is gone, with {rows} rows in the copy",
                want="its rows somewhere else, or a declaration that they may go",
                fix=f'move the rows first, or declare `may_drop = ["{table}"]` in [database.upgrade]',
            )
    for table, rows in survival.lost.items():
        findings.add(
            table,
            saw=f"{files}: {rows} rows are gone, and no statement deletes from it by name",
            want="every row that was there before",
            fix=f"see what cascades into {table}, and delete from it by name where that is meant",
        )
    for change in survival.changes:
        findings.add(
            f"{change.table}.{change.column}",
            saw=f"{files}: the column was {change.kind}: {change.saw}",
            want="the values of before",
            fix=f"`alter table {change.table} rename column` or `alter column {change.column} type … using …`"
            " keeps them; else copy them over before the old column goes",
        )


@needs("database")
def test_a_failure_halfway_leaves_the_version_before(upgrade, findings, evidence):
    """A pending migration that fails half-way, or is killed, leaves the version before it.

    Why: what half a migration leaves is no version of the project; nothing can be applied on top of it.
    Fix: let a statement that cannot run in a transaction stand alone in its file.
    """
    findings.looked_at(len(upgrade.pending), "migrations")
    if any(refusal.empty for refusal in upgrade.refusals):
        evidence.note("a migration does not apply at all, so that it was not made to fail")
    for failure in upgrade.halfway:
        evidence.note(f"{failure.file} {failure.how}: {failure.facts} facts compared")
        alone = not failure.atomic and failure.statements == 1
        if upgrade.moot or alone or not (failure.remains or failure.recorded):
            continue
        remains = [*failure.remains[:8], *(["its version in the history"] if failure.recorded else [])]
        findings.add(
            f"migrations/{failure.file}",
            saw=f"it {failure.how}, and this remains: {'; '.join(remains)}"
            + (f"; and {len(failure.remains) - 8} more" if len(failure.remains) > 8 else ""),
            want="the catalogue and the history of the version before",
            fix="move each statement that cannot run in a transaction (`concurrently`, `vacuum`) into a"
            " migration file of its own, and leave `begin` and `commit` to the tool that applies it",
        )


def asked(refusal):
    """Say what live's own rows would do."""
    if refusal.live_rows is not None:
        return f"On live `{refusal.asked}` gives {refusal.live_rows}"
    return "What the rows on live would do could not be asked" if refusal.about_rows else ""


def rehearsed(upgrade):
    """Say what was rehearsed on what."""
    files = ", ".join(upgrade.pending)
    if upgrade.moot:
        return f"no migration is pending: rehearsed the newest one again, {files}, on {upgrade.source}"
    return f"rehearsed {files} on {upgrade.source}"


def measure(upgrade, limits, evidence):
    """Report the longest lock and the longest wait."""
    locks = [lock for step in upgrade.steps for lock in step.locks if lock.strength >= 5]
    stalls = [stall.waited_ms for stall in upgrade.stalls]
    if locks:
        longest = max(lock.held_ms for lock in locks)
        evidence.measure("longest blocking lock", longest, "ms", samples=len(locks), limit=limits.max_lock_ms)
    if upgrade.queries:
        evidence.measure(
            "longest stall of a query", max(stalls, default=0.0), "ms", samples=upgrade.queries,
            limit=limits.max_stall_ms,
        )  # fmt: skip
