"""Whether the deployed schema is the one that the migrations make.

Partitions of a partitioned table come and go by a job, so they are not compared by name but by how
they are guarded.
"""

from shipworthy import needs


@needs("database.live")
def test_tables_are_as_migrated(drift, findings, evidence):
    """Tables, views, types, sequences and what belongs to them are on live as the migrations make them.

    Why: a change by hand is gone after the next restore, and the next migration may break on it.
    Fix: put the change into a migration, or undo it on live.
    """
    kinds = (
        *("schema", "table", "column", "constraint", "index", "view", "contents", "sequence", "type", "rule"),
        *("statistics", "collation", "text search", "operator", "foreign server", "replica identity"),
        *("extension", "extension version"),
    )
    findings.looked_at(drift.compared(*kinds), "facts about tables")
    evidence.json("catalogue-live.json", {" ".join(key): text for key, text in drift.live.items()})
    for difference in drift.differences(*kinds):
        findings.add(
            difference.subject,
            saw=difference.sides,
            want="the same on both sides",
            fix=difference.remedy,
        )


@needs("database.live")
def test_policies_are_as_migrated(drift, findings):
    """Row level security and its policies on live are the ones that the migrations make.

    Why: access is proven on a database made from the migrations; the proof holds only for equal policies.
    Fix: put the change into a migration, or undo it on live.
    """
    kinds = ("policy", "row level security", "partitions")
    findings.looked_at(drift.compared(*kinds), "facts about row level security")
    for difference in drift.differences(*kinds):
        findings.add(
            difference.subject,
            saw=difference.sides,
            want="the policies that were proven",
            fix=difference.remedy,
        )


@needs("database.live")
def test_functions_are_as_migrated(drift, findings):
    """Functions, triggers and publications on live are the ones that the migrations make.

    Why: what the database does by itself is code, and this version of it was never reviewed.
    Fix: put the change into a migration, or undo it on live.
    """
    kinds = ("function", "trigger", "publication")
    findings.looked_at(drift.compared(*kinds), "functions, triggers and publications")
    for difference in drift.differences(*kinds):
        findings.add(
            difference.subject,
            saw=difference.sides,
            want="the definition that was reviewed",
            fix=difference.remedy,
        )


@needs("database.live")
def test_grants_are_as_migrated(drift, findings):
    """Grants, default privileges, roles and who belongs to them are on live what the migrations say.

    Why: one `grant` by hand opens a table or an RPC to everyone who has the public key.
    Fix: revoke on live what no migration grants, or write the grant into a migration.
    """
    kinds = ("grant", "default privileges", "role", "membership", "role setting")
    findings.looked_at(drift.compared(*kinds), "grants, roles and their settings")
    for difference in drift.differences(*kinds):
        findings.add(
            difference.subject,
            saw=difference.sides,
            want="the privileges that the migrations grant",
            fix=difference.remedy,
        )
