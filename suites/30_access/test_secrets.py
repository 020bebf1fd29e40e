"""Whether secrets in tables stay secret."""

from functools import partial

from shipworthy import needs
from shipworthy.probes.postgres.policies import read_policies
from shipworthy.probes.postgres.secret_columns import open_secrets, read_secret_columns

OBJECTS = "relations and functions of the project"


@needs("database")
def test_secrets_in_tables_are_for_their_owner_only(
    everywhere, exposed_schemas, own_functions, catalogue_size, findings
):
    """No column that holds a password, key or token can be read by just anyone.

    Why: the Data API serves every column of a row that a policy lets through.
    Fix: move it to a table that only the service reads or to the vault, or revoke `select` on the table and
    grant the other columns.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    policies = [policy for policy, _ in everywhere(read_policies)]
    seen = dict(everywhere(partial(read_secret_columns, schemas=exposed_schemas)))
    for column, readers in open_secrets(seen, policies, own_functions).items():
        lets = ", ".join(sorted(set(readers.values())))
        findings.add(
            column.subject,
            saw=f"{' and '.join(readers)} may read it for any row: {lets} ({seen[column]})",
            want="secrets for their owner or the service only",
            fix=f"revoke select on {column.relation} from {', '.join(readers)}; and grant select on its other"
            " columns",
        )
