"""Whether two worlds of rows are kept apart: every command tried, on every relation, as everyone.

The rows, the people and every single attempt are in the evidence of the first check.
"""

from shipworthy import ProbeError, needs
from shipworthy.probes.postgres.access.causes import role_of
from shipworthy.probes.postgres.access.crossings import WRITES


@needs("database")
def test_every_table_was_tried(judged, access_proof, findings, evidence, access_csv, worlds_text):
    """Every exposed table has rows in two worlds, so that whoever reaches across is seen.

    Why: where there is no row, "nobody sees it" is shown by nothing.
    Fix: describe a row of the table in `supabase/access.toml`: `[tables."schema.table".row]`.
    """
    evidence.text("access-matrix.csv", access_csv)
    evidence.text("worlds.txt", worlds_text)
    cells, seconds = len(judged.matrix.cells), access_proof.measure_s
    if cells:
        evidence.measure("access cells", cells, "cells", samples=cells)
        evidence.measure("access cells tried", cells / seconds, "cells/s", samples=cells)
    for lifted in judged.worlds.lifted:
        evidence.note(f"lifted on the scratch database: {lifted.kind} {lifted.name} of {lifted.table}")
    missing = {name: why for name, why in judged.worlds.missing.items() if name in judged.exposed}
    if missing:
        reasons = "; ".join(f"{name} ({why})" for name, why in missing.items())
        example = next(iter(missing))
        raise ProbeError(
            f"no row could be made in {reasons}: describe one in supabase/access.toml, as in"
            f" [tables.\"{example}\".row] column = 'value'"
        )
    judged.looked(findings, "select", *WRITES, "truncate", "raise")


@needs("database")
def test_members_reach_their_own_rows(judged, findings):
    """Where a policy lets users read by what stands in a row, members read rows of their own world.

    Why: a policy that nobody satisfies locks everybody out, and makes every proof of isolation hollow.
    Fix: widen the policy to the caller's own rows, or drop it if no user is to reach them.
    """
    untold = {}
    for cell, policies in judged.denied_to_members():
        if permission := judged.worlds.opaque.get(cell.relation):
            untold[cell.relation] = permission
            continue
        findings.add(
            cell.relation,
            saw=f"no member reads a row of the own world: {cell.saw}; {judged.causes.explain([cell])}",
            want="members reach rows of their own world",
            fix=f'mend the condition, or drop it: drop policy "{policies[0].name}" on {cell.relation};',
        )
    judged.looked(findings, "select")
    if untold and not findings.reported:
        reasons = "; ".join(f"{name} (its policies ask for {asked})" for name, asked in untold.items())
        raise ProbeError(
            f"nobody in the worlds reads a row, and whether anybody can is not known, of {reasons}: give"
            " somebody what is asked for in supabase/access.toml: [tables.\"schema.table\".row] column = '…'"
        )


@needs("database")
def test_no_row_of_the_other_world_is_visible(judged, findings):
    """Nobody reads a row of a tenant, or of a user, that they have nothing to do with.

    Why: the Data API hands out whatever the policies let through.
    Fix: scope the SELECT policy to the caller's tenant; let views read with their caller's rights.
    """
    judged.report(
        findings,
        judged.outsiders_read(),
        want="rows of the caller's own world only, or rows that a flag opens",
    )
    judged.looked(findings, "select")


@needs("database")
def test_no_row_of_the_other_world_is_changed(judged, findings):
    """No signed-in user changes or deletes a row of a world that is not theirs.

    Why: a policy for SELECT does not protect from changes; each command has its own.
    Fix: give the UPDATE and DELETE policies a `using` clause that holds for the caller's tenant only.
    """
    cells = judged.users_wrote("update", "delete", "upsert")
    judged.report(findings, cells, want="no row of another world within reach")
    judged.looked(findings, "update", "delete", "upsert")


@needs("database")
def test_nothing_lands_in_the_other_world(judged, findings):
    """No signed-in user inserts into a world that is not theirs, or moves own rows there.

    Why: without `with check`, a user plants rows with other tenants, or becomes a member of theirs.
    Fix: give the INSERT and UPDATE policies a `with check` that holds for the caller's tenant only.
    """
    cells = judged.users_wrote("insert", "move")
    judged.report(findings, cells, want="new and changed rows stay in the caller's own world")
    judged.looked(findings, "insert", "move")


@needs("database")
def test_anonymous_callers_write_nothing(judged, findings):
    """Without signing in, nobody inserts, changes or deletes a row of any exposed table or view.

    Why: the anon key is public; what it may write, everyone on the internet may write.
    Fix: `revoke insert, update, delete on … from anon`, or declare in `supabase/access.toml` that it is
    meant.
    """
    judged.report(findings, judged.anyone_wrote(), want="no write without signing in")
    judged.looked(findings, *WRITES)


@needs("database")
def test_nobody_empties_a_table(judged, granted_by_default, findings):
    """No user has TRUNCATE on a table, beyond what the platform itself grants.

    Why: TRUNCATE asks no policy; whoever has it removes the rows of everyone.
    Fix: `revoke truncate on … from anon, authenticated`.
    """
    added = (c for c in judged.emptied() if (c.relation, role_of(c)) not in granted_by_default)
    judged.report(findings, added, want="nobody but the service removes all rows")
    judged.looked(findings, "truncate")


@needs("database")
def test_nobody_raises_their_own_rank(judged, findings):
    """No user gives itself a higher role in its tenant, or in a table of users.

    Why: whoever writes its own role has every right that any policy gives to that role.
    Fix: keep the role's column out of the users' reach: `revoke update on …; grant update (…) on …`, or a
    `with check` that compares it.
    """
    judged.report(findings, judged.raised(), want="only others, who have the right, change a user's role")
    judged.looked(findings, "select", "raise")


@needs("database")
def test_former_members_are_strangers_again(judged, findings):
    """Who has left a tenant reaches nothing of it that a stranger does not reach.

    Why: a copy of the membership, in a column, a claim or a cache, outlives it.
    Fix: let the policy ask the membership table itself.
    """
    judged.report(findings, judged.only_former(), want="no row of a tenant that the caller has left")
    judged.looked(findings, "select", *WRITES)


@needs("database")
def test_members_of_two_tenants_work_in_both(judged, findings):
    """A user with two memberships reaches the rows of both tenants, and meets no error.

    Why: a policy that compares with one membership breaks, or hides a tenant, when there are two.
    Fix: compare with a set: `organization_id in (select … )`, or ask with `exists`.
    """
    for cell in judged.lost_to_both():
        findings.add(
            cell.relation,
            saw=f"a member of both worlds gets {cell.saw} {cell.case}, where members of one see their rows;"
            f" {judged.causes.explain([cell])}",
            want="rows of both tenants",
            fix="compare with all memberships: … in (select …), or exists (select …)",
        )
    judged.looked(findings, "select")


@needs("database")
def test_policies_answer_without_errors(judged, findings):
    """No attempt of anyone ends in an error of the policies themselves.

    Why: recursion, a subquery with two rows or a cast that fails is an error 500 for the user who meets it.
    Fix: mend the expression; a policy that needs its own table asks through a `security definer` function.
    """
    for cell in judged.broken():
        findings.add(
            cell.relation,
            saw=f"{cell.persona} cannot {cell.command}: {cell.saw}; {judged.causes.explain([cell])}",
            want="rows or a refusal, never an error",
            fix="mend the policy; what must read its own table reads it through a security definer function",
        )
    judged.looked(findings, "select", *WRITES)


@needs("database")
def test_service_role_reaches_every_table(judged, findings):
    """The service role reads every exposed table that it may use at all.

    Why: backend jobs and edge functions work with it; they fail where it was left out.
    Fix: `grant select on … to service_role`.
    """
    for cell in judged.lost_to_service():
        findings.add(
            cell.relation,
            saw=f"service_role: {cell.saw}",
            want="every row within reach of the service role",
            fix=f"grant select, insert, update, delete on {cell.relation} to service_role;",
        )
    judged.looked(findings, "select")


@needs("database")
def test_users_change_nothing_that_is_everyones(judged, findings):
    """No user changes or deletes rows that belong to nobody: price lists, flags, settings of all.

    Why: what one user changes there, every tenant relies on.
    Fix: `revoke update, delete on … from authenticated`, or declare it in `supabase/access.toml`.
    """
    judged.report(findings, judged.changed_for_all(), want="only the service changes what belongs to nobody")
    judged.looked(findings, "update", "delete")
