"""Whether privileges go further than the platform's own."""

from shipworthy import needs
from shipworthy.probes.postgres.privileges import (
    judged_default_privileges,
    past_policies,
    read_column_grants,
    read_default_privileges,
    read_grants,
)

OBJECTS = "relations and functions of the project"


@needs("database")
def test_no_privilege_is_past_row_level_security(everywhere, catalogue_size, findings):
    """Where privileges on a table were chosen, users have none that policies have no say in.

    Why: TRUNCATE empties a table whatever its policies say, TRIGGER and REFERENCES run and tie code to it,
    MAINTAIN locks it. `revoke insert, update, delete` leaves all of these.
    Fix: `revoke all on … from anon, authenticated`, then grant what is needed.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    defaults = everywhere(read_default_privileges)
    for grant, place in everywhere(read_grants):
        if chosen := past_policies(grant, [default for default, where in defaults if where == place]):
            findings.add(
                grant.relation,
                saw=f"{grant.grantee} may {', '.join(chosen)} ({place})",
                want="only privileges that policies decide about",
                fix=f"revoke {', '.join(chosen)} on {grant.relation} from {grant.grantee};",
            )


@needs("database")
def test_column_grants_narrow_something(everywhere, catalogue_size, findings):
    """No privilege on some columns stands beside the same privilege on the whole table.

    Why: whoever grants `select (id, name)` means to keep the other columns back; the privilege on the whole
    table, which the platform may have given by default, hands them out all the same.
    Fix: `revoke select on … from …` first, then grant the columns.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for grant, place in everywhere(read_column_grants):
        if grant.on_table and not grant.every_column:
            columns = ", ".join(grant.columns)
            findings.add(
                grant.relation,
                saw=f"{grant.grantee} has {grant.privilege} on ({columns}) and on the whole table ({place})",
                want="either the columns or the table",
                fix=f"revoke {grant.privilege} on {grant.relation} from {grant.grantee};"
                f" grant {grant.privilege} ({columns}) on {grant.relation} to {grant.grantee};",
            )


@needs("database")
def test_nothing_is_granted_to_everyone_or_to_be_passed_on(everywhere, catalogue_size, findings):
    """No table is granted to PUBLIC to be written, and no user may grant to others what they have.

    Why: PUBLIC is every role that there is and that will ever be, and a grant option outlives every revoke
    that does not name it.
    Fix: grant to the roles that need it, without `with grant option`.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for grant, place in everywhere(read_grants):
        written = [p for p in grant.privileges if p != "select" and grant.kind != "sequence"]
        if grant.grantee == "public" and written:
            findings.add(
                grant.relation,
                saw=f"every role may {', '.join(written)} ({place})",
                want="privileges for the roles that need them",
                fix=f"revoke {', '.join(written)} on {grant.relation} from public;",
            )
        elif grant.passed_on:
            findings.add(
                grant.relation,
                saw=f"{grant.grantee} may grant {', '.join(grant.passed_on)} to others ({place})",
                want="no grant option for users",
                fix=f"revoke grant option for {', '.join(grant.passed_on)} on {grant.relation}"
                f" from {grant.grantee};",
            )


@needs("database")
def test_default_privileges_are_the_platforms(
    everywhere, catalogue_size, exposed_schemas, auto_expose, evidence, findings
):
    """What will be made later is granted to users no further than the platform does it.

    Why: a default privilege opens tables that do not exist yet, in schemas that nobody serves today.
    Fix: `alter default privileges … revoke …`, and a grant in each migration that makes a table.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    for default, place in everywhere(read_default_privileges):
        judgement = judged_default_privileges(default, exposed_schemas, auto_expose=auto_expose)
        where = f"schema {default.schema}" if default.schema else "every schema"
        saw = f"{default.grantee} gets {', '.join(default.privileges)} on new {default.objects} ({place})"
        if judgement == "beyond":
            findings.add(
                f"default privileges in {where}",
                saw=saw,
                want="nothing by default beyond what the platform grants in public",
                fix=default.revoke,
            )
        elif judgement == "chosen":
            evidence.note(f"default privileges in {where}: {saw}")
