"""Whether roles keep to what they are for."""

from shipworthy import needs
from shipworthy.probes.postgres.roles import API_ROLES, powerful_memberships, read_holdings, read_roles

OBJECTS = "relations and functions of the project"


@needs("database")
def test_no_role_of_the_project_passes_row_level_security(everywhere, findings):
    """No role with rights here but the platform's own is a superuser, passes policies or makes roles.

    Why: whoever has its password, or can become it, reads and changes everything, whatever policies say.
    Fix: `alter role … nosuperuser nobypassrls nocreaterole`, with grants and policies for what it needs.
    """
    for role, place in findings.over(everywhere(read_roles), "roles"):
        if role.powers and role.here and not role.platform and role.name != "service_role":
            findings.add(
                f"role {role.name}",
                saw=f"it has {', '.join(role.powers)} ({place})",
                want="no attribute that takes a role past policies",
                fix=f"alter role {role.quoted} {' '.join(f'no{power}' for power in role.powers)};",
            )


@needs("database")
def test_users_become_no_role_with_more_rights(everywhere, findings):
    """The roles of the Data API cannot become, or inherit from, a role that policies do not bind.

    Why: membership is transitive and needs no password: a token with that role's name, or nothing at all,
    is enough.
    Fix: `revoke … from …`.
    """
    seen = everywhere(read_roles)
    known = {role.name: role for role, _ in seen}
    for role, place in findings.over(seen, "roles"):
        for other in powerful_memberships(role, known) if role.name in API_ROLES else ():
            findings.add(
                f"role {role.name}",
                saw=f"it is a member of {other} ({place})",
                want="membership in nothing that is past policies",
                fix=f"revoke {other} from {role.name};",
            )


@needs("database")
def test_users_own_nothing_and_make_nothing(everywhere, catalogue_size, findings):
    """The roles of the Data API own no object, and can create none in the project's schemas.

    Why: an owner is past the policies of its tables and may drop them; whoever creates objects in a schema
    puts a function or table in the way of others.
    Fix: `alter … owner to postgres`; `revoke create on schema … from …`.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for holding, place in everywhere(read_holdings):
        owns = holding.how == "owns"
        findings.add(
            holding.object,
            saw=f"{holding.role} {holding.how} it ({place})",
            want="an owner that no user can act as" if owns else "objects made by migrations only",
            fix=f"alter {holding.object} owner to postgres;"
            if owns
            else f"revoke create on {holding.object} from public, {holding.role};",
        )
