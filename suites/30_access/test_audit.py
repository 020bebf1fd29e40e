"""Whether what was recorded stays as it was."""

from shipworthy import needs
from shipworthy.probes.postgres.audit_tables import changed_by, read_audit_tables
from shipworthy.probes.postgres.policies import read_policies

OBJECTS = "relations and functions of the project"


@needs("database")
def test_audit_tables_are_only_added_to(everywhere, catalogue_size, findings):
    """No user can change or delete what an audit table keeps, and triggers that refuse it are on.

    Why: a record that those whom it is about can alter proves nothing.
    Fix: no policy for update or delete, `revoke update, delete, truncate`, and a trigger that refuses both.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    policies = [policy for policy, _ in everywhere(read_policies)]
    for table, place in everywhere(read_audit_tables):
        if table.disabled:
            findings.add(
                table.name,
                saw=f"{table.why} refuses changes and is disabled ({place})",
                want="an enabled trigger",
                fix=f"alter table {table.name} enable trigger {table.why.removeprefix('its trigger ')};",
            )
        for role, command, lets in dict.fromkeys(changed_by(table, policies)):
            findings.add(
                table.name,
                saw=f"an audit table by {table.why}, and {role} may {command} its rows: {lets} ({place})",
                want="rows that are added and never changed by users",
                fix=f"revoke {command} on {table.name} from {role}; and no {command} policy",
            )
