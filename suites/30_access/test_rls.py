"""Whether row level security guards everything that the Data API serves."""

from shipworthy import needs


@needs("database")
def test_exposed_tables_enforce_rls(exposures, findings):
    """Every table of an exposed schema has row level security enabled, and no view goes past it.

    Why: the Data API serves these schemas to everyone who has the public key; without row level security
    only grants are left, and the platform grants everything by default.
    Fix: `alter table … enable row level security`, with a policy for those who need the rows.
    """
    for relation, place in findings.over(exposures, "exposed tables and views"):
        if relation.kind == "table" and not relation.row_security:
            findings.add(
                relation.name,
                saw=f"row level security is disabled ({place}); anon may {_list(relation.anon)}, "
                f"authenticated may {_list(relation.authenticated)}",
                want="row level security on every table of an exposed schema",
                fix=f"alter table {relation.name} enable row level security;",
            )
        elif relation.kind == "view" and relation.users and not relation.security_invoker:
            findings.add(
                relation.name,
                saw=f"this view ({place}) reads with its owner's rights, past all policies",
                want="views that read with the rights of their caller",
                fix=f"alter view {relation.name} set (security_invoker = true);",
            )
        elif relation.kind == "materialized view" and relation.users:
            findings.add(
                relation.name,
                saw=f"users may read this materialized view ({place}), and it cannot have policies",
                want="materialized views for the service only",
                fix=f"revoke all on {relation.name} from anon, authenticated;",
            )


@needs("database", "tenancy")
def test_tables_without_policies_are_service_tables(exposures, tenancy, findings):
    """Every table of an exposed schema has a policy, or is declared as the service's own.

    Why: a table that nobody can read is either meant for the service only or a policy was forgotten; the
    target file says which.
    Fix: write the policy, or name the table under `tenancy.service_tables`.
    """
    for relation, place in findings.over(exposures, "exposed tables and views"):
        if relation.kind != "table" or relation.partition or relation.name in tenancy.service_tables:
            continue
        if not relation.policies:
            findings.add(
                relation.name,
                saw=f"no policy ({place}), so that no user can reach a row",
                want="a policy, or a declared service table",
                fix=f"create policy … on {relation.name}, or name it under tenancy.service_tables",
            )


def _list(privileges):
    return ", ".join(privileges) or "do nothing"
