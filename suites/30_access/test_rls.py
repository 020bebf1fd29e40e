"""Whether row level security guards everything that the Data API serves."""

from shipworthy import needs
from shipworthy.probes.postgres.privileges import read_default_privileges, read_grants, rows_by_choice

OBJECTS = "relations and functions of the project"


@needs("database")
def test_exposed_tables_enforce_rls(exposures, catalogue_size, findings):
    """Every table of an exposed schema has row level security enabled.

    Why: the Data API serves these schemas to everyone who has the public key; without row level security
    only grants are left, and older projects grant everything by default.
    Fix: `alter table … enable row level security`, with a policy for those who need the rows.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for relation, place in exposures:
        if relation.kind == "table" and not relation.row_security:
            findings.add(
                relation.name,
                saw=f"row level security is disabled ({place}); anon may {_list(relation.anon)}, "
                f"authenticated may {_list(relation.authenticated)}",
                want="row level security on every table of an exposed schema",
                fix=f"alter table {relation.name} enable row level security;",
            )


@needs("database")
def test_exposed_views_read_as_their_caller(exposures, catalogue_size, findings):
    """Every view that users can reach reads with its caller's rights.

    Why: by default a view reads with its owner's rights, past all policies of the tables behind it.
    Fix: `alter view … set (security_invoker = true)`.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for relation, place in exposures:
        if relation.kind == "view" and relation.users and not relation.security_invoker:
            findings.add(
                relation.name,
                saw=f"this view ({place}) reads with its owner's rights, past all policies, for"
                f" {' and '.join(relation.users)}",
                want="views that read with the rights of their caller",
                fix=f"alter view {relation.name} set (security_invoker = true);",
            )


@needs("database")
def test_relations_without_policies_are_the_services(exposures, catalogue_size, findings):
    """No materialized view and no foreign table can be reached by users.

    Why: neither can have policies: whoever may select from it reads all of it.
    Fix: `revoke all on … from anon, authenticated`, or move it to a schema that is not exposed.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for relation, place in exposures:
        if relation.kind in {"materialized view", "foreign table"} and relation.users:
            findings.add(
                relation.name,
                saw=f"{' and '.join(relation.users)} may read this {relation.kind} ({place}), and it cannot"
                " have policies",
                want=f"a {relation.kind} for the service only",
                fix=f"revoke all on {relation.name} from anon, authenticated;",
            )


@needs("database")
def test_tables_granted_to_users_have_a_policy(everywhere, exposures, catalogue_size, evidence, findings):
    """Every table on which somebody granted users privileges has a policy.

    Why: with row level security and without a policy nobody reaches a row: the grant says that users were
    meant to, the policy was forgotten.
    Fix: write the policy, or revoke the grant where the table is the service's own.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    silent = {r.name for r, _ in exposures if r.kind == "table" and r.row_security and not r.policies}
    silent -= {relation.name for relation, _ in exposures if relation.partition}
    defaults = everywhere(read_default_privileges)
    for grant, place in everywhere(read_grants):
        chosen = rows_by_choice(grant, [default for default, where in defaults if where == place])
        if grant.relation in silent and chosen:
            findings.add(
                grant.relation,
                saw=f"{grant.grantee} was granted {', '.join(chosen)} and reaches no row: there is no policy"
                f" ({place})",
                want="a policy, or no grant",
                fix=f"create policy … on {grant.relation}; or revoke all on {grant.relation}"
                f" from {grant.grantee};",
            )
    if silent:
        evidence.note(f"tables for the service only, without any policy: {', '.join(sorted(silent))}")


def _list(privileges):
    return ", ".join(privileges) or "do nothing"
