"""What someone can do who has nothing but the public key."""

from shipworthy import needs
from shipworthy.probes.postgres.personas import ANONYMOUS, OWNER


@needs("database", "tenancy")
def test_anonymous_cannot_change_any_table(access_matrix, findings):
    """Without signing in, nobody can insert, update, delete or truncate in any exposed table.

    Why: the anon key is public; what it may write, everyone on the internet may write.
    Fix: `revoke insert, update, delete, truncate on … from anon`, and no policy for anon but reading ones.
    """
    for table in findings.over(access_matrix.tables, "exposed tables"):
        reached = {attempt.command for attempt in access_matrix.tried(OWNER, table) if attempt.allowed}
        if not {"insert", "update", "delete"} <= reached and not table.partition:
            findings.add(
                table.name,
                saw="the seed has no row in it, so that nothing could be tried",
                want="at least one row of every exposed table in the seed",
                fix=f"insert a row into {table.name} in supabase/seed.sql",
            )
        for attempt in access_matrix.tried(ANONYMOUS, table):
            if attempt.allowed:
                findings.add(
                    table.name,
                    saw=f"anon may {attempt.command}: {attempt.saw}",
                    want="no write without signing in",
                    fix=f"revoke {attempt.privilege} on {table.name} from anon;",
                )


@needs("database", "tenancy")
def test_anonymous_reads_public_tables_only(access_matrix, tenancy, findings):
    """Without signing in, the declared public tables can be read and nothing else.

    Why: every readable row of any other table is published.
    Fix: `revoke select on … from anon`, or declare the table under `tenancy.public_tables`.
    """
    names = {table.name for table in access_matrix.tables}
    for name in set(tenancy.public_tables) - names:
        findings.add(
            name,
            saw="declared public, but no exposed table has that name",
            want="the name of a table, as schema.table",
            fix="correct tenancy.public_tables in the target file",
        )
    for table in findings.over(access_matrix.tables, "exposed tables"):
        seen = len(access_matrix.rows(ANONYMOUS, table))
        if table.name in tenancy.public_tables and not seen:
            findings.add(
                table.name,
                saw="declared public, but anon reads no row of the seed",
                want="everyone reads it",
                fix=f"grant select on {table.name} to anon; and a policy: for select to anon using (true)",
            )
        elif table.name not in tenancy.public_tables and seen:
            findings.add(
                table.name,
                saw=f"anon reads {seen} of {len(access_matrix.rows(OWNER, table))} rows of the seed",
                want="nothing to read without signing in",
                fix=f"revoke select on {table.name} from anon;",
            )


@needs("supabase", "database.live", "tenancy")
def test_api_hides_private_tables(live_relations, tenancy, callers, findings, evidence):
    """The deployed API gives a caller with the public key no row of a private table.

    Why: this is the door that everyone on the internet stands at; whatever is configured behind it, this
    is what comes out.
    Fix: `alter table … enable row level security` and `revoke select on … from anon`.
    """
    anonymous, service = callers
    answers = []
    for relation in findings.over(live_relations, "exposed tables and views"):
        theirs, ours = anonymous.read_table(relation.name), service.read_table(relation.name)
        answers.append({"table": relation.name, "anon": theirs.saw, "service_role": ours.saw})
        if relation.name in tenancy.public_tables:
            if ours.anything and not theirs.anything:
                findings.add(
                    relation.name,
                    saw=f"declared public, but a caller with the anon key gets {theirs.saw}",
                    want="everyone reads it",
                    fix=f"grant select on {relation.name} to anon; and a policy for select to anon",
                )
        elif theirs.anything:
            findings.add(
                relation.name,
                saw=f"a caller with the anon key gets {theirs.saw}",
                want="no row without signing in",
                fix=f"alter table {relation.name} enable row level security; "
                f"revoke select on {relation.name} from anon;",
            )
    evidence.json("answers.json", answers)
    readable = sum(answer["service_role"].startswith("200 with 1") for answer in answers)
    findings.looked_at(readable, "table that the service key reads a row of")
