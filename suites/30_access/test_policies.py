"""Whether policies limit anything."""

from shipworthy import needs
from shipworthy.probes.postgres.open_writes import open_writes
from shipworthy.probes.postgres.openness import compared_with_itself
from shipworthy.probes.postgres.policies import read_policies

PLATFORM_TABLES = {"storage.objects", "storage.buckets", "realtime.messages"}

OBJECTS = "relations and functions of the project"


@needs("database")
def test_write_policies_limit_who_writes_what(
    everywhere, stranger, access_contract, catalogue_size, evidence, findings
):
    """No policy lets everyone, or everyone who is signed in, write any row.

    Why: `true`, `1 = 1`, `id = id` and `auth.uid() is not null` all say the same: whoever signs up changes
    and deletes the rows of everyone else.
    Fix: compare a column of the row with the caller: `using (user_id = (select auth.uid()))`; or declare in
    `access.toml` that all users write the table.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    seen = everywhere(read_policies)
    places = dict(seen)
    reported = {}
    for found in open_writes(places, stranger):
        if _declared(access_contract, found):
            evidence.note(
                f"declared in access.toml: {found.role} may {found.command} all of {found.policy.table}"
            )
        elif found.policy.table not in PLATFORM_TABLES:
            reported.setdefault(found.policy, []).append(found)
    if stranger.gave_up:
        evidence.note("functions in policies took too long: some expressions were read and not tried")
    for policy, writes in reported.items():
        roles = " and ".join(dict.fromkeys(write.role for write in writes))
        commands = ", ".join(dict.fromkeys(write.command for write in writes))
        given = all(write.gives_away for write in writes)
        what = "hand the rows that it may change to anyone" if given else f"{commands} any row"
        part = "with check" if given or commands == "insert" else "using"
        findings.add(
            policy.subject,
            saw=f"{roles} may {what}: {part} {writes[0].expression} is always true ({places[policy]})",
            want="a write policy that compares the row with its caller",
            fix=f"alter policy {policy.quoted} on {policy.table} {part} (…); or drop it, where only the"
            " service writes",
        )


@needs("database")
def test_policies_compare_nothing_with_itself(everywhere, catalogue_size, findings):
    """No policy compares a column with itself.

    Why: inside a subquery a name without its table means the subquery's own column, so that
    `where m.team_id = team_id` is true for every row and the policy lets every member of anything in.
    Fix: write the name of the policy's own table before the column.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for policy, place in everywhere(read_policies):
        same = {comparison for text in policy.expressions for comparison in compared_with_itself(text)}
        for comparison in sorted(same):
            findings.add(
                policy.subject,
                saw=f"{comparison} ({place}): true for every row",
                want="a comparison with the row that the policy is about",
                fix=f"alter policy {policy.quoted} on {policy.table}: write {policy.table}.<column> on the"
                f" side of {comparison} that means the policy's own row",
            )


def _declared(contract, found):
    audiences = contract.tables.get(found.policy.table, {}).get(found.command, ())
    meant = {"everyone"} if found.role == "anon" else {"everyone", "users"}
    return any(audience.who in meant and not audience.when for audience in audiences)
