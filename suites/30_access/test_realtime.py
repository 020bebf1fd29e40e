"""Whether Realtime broadcasts only what its subscribers may read."""

from shipworthy import needs
from shipworthy.probes.postgres.bodies import read_text
from shipworthy.probes.postgres.policies import read_policies
from shipworthy.probes.postgres.realtime import PUBLICATION, read_published_tables

OBJECTS = "relations and functions of the project"


@needs("database")
def test_broadcast_tables_enforce_rls(everywhere, catalogue_size, findings):
    """Every table that Realtime broadcasts has row level security, and a policy that lets users read it.

    Why: Realtime asks the table's policies whom a change may be sent to. Without them everyone with the
    public key receives every row; deletes are sent to all who subscribe, also of tables for nobody.
    Fix: enable row level security, or take the table out of the publication.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for table, place in everywhere(read_published_tables):
        if not table.row_security:
            saw = f"it is broadcast without row level security ({place})"
            fix = f"alter table {table.name} enable row level security;"
        elif not table.for_users:
            saw = f"it is broadcast, and no policy lets any user read it ({place})"
            fix = ""
        else:
            continue
        drop = f"alter publication {PUBLICATION} drop table {table.name};"
        if table.everything:
            drop = f"alter publication {PUBLICATION} set table …; it is of all tables now"
        findings.add(
            table.name,
            saw=saw,
            want="a policy that says who receives its rows",
            fix=f"{fix} or {drop}" if fix else drop,
        )


@needs("database")
def test_broadcast_tables_can_name_their_rows(everywhere, catalogue_size, findings):
    """Every table whose updates and deletes are broadcast has a primary key or another replica identity.

    Why: without one Postgres refuses every update and delete of the table (SQLSTATE 55000).
    Fix: add a primary key, or `alter table … replica identity full`.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for table, place in everywhere(read_published_tables):
        if table.changes and not table.identified:
            findings.add(
                table.name,
                saw=f"its changes are broadcast and it has no replica identity ({place}): updates fail",
                want="a primary key",
                fix=f"alter table {table.name} add primary key (…);",
            )


@needs("database")
def test_private_channels_are_scoped_by_topic(everywhere, catalogue_size, findings):
    """Policies on `realtime.messages` ask which channel it is about.

    Why: they decide who joins a private channel. One that does not ask for the topic lets everyone whom it
    is for into every channel.
    Fix: compare `realtime.topic()` with what the caller belongs to.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for policy, place in everywhere(read_policies):
        if policy.table == "realtime.messages" and policy.permissive and policy.grantees:
            texts = [read_text(expression) for expression in policy.expressions]
            if not any("topic" in text.words for text in texts):
                findings.add(
                    policy.subject,
                    saw=f"{' and '.join(policy.grantees)} may {policy.command} in every channel ({place})",
                    want="a policy that asks for realtime.topic()",
                    fix=f"alter policy {policy.quoted} on realtime.messages using (realtime.topic() = …);",
                )
