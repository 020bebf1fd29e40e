"""Whether the Data API serves what it should, and can serve what it is meant to."""

from functools import partial

from shipworthy import needs
from shipworthy.probes.postgres.api_settings import (
    PLATFORM_OWN,
    graphql_leaks,
    internal_by_name,
    introspected_schemas,
    read_schemas,
)
from shipworthy.probes.postgres.exposure import project_functions
from shipworthy.probes.postgres.policies import read_policies
from shipworthy.probes.postgres.reachability import Reachable, missing_privileges, read_reach

OBJECTS = "relations and functions of the project"


@needs("database")
def test_what_policies_mean_can_be_reached(scratch_session, exposed_schemas, catalogue_size, findings):
    """Whoever a policy is written for has the privileges without which it is never asked.

    Why: a policy says which rows, a grant whether the command may be tried at all; without it the Data API
    answers 42501 to everyone whom the policy means.
    Fix: the grant that the finding spells out, in a migration.
    """
    reach = read_reach(scratch_session, exposed_schemas)
    functions = project_functions(scratch_session, exposed_schemas)
    findings.looked_at(catalogue_size, OBJECTS)
    for missing in missing_privileges(Reachable(read_policies(scratch_session), reach, functions)):
        findings.add(
            missing.subject,
            saw=f"{missing.meant} means {' and '.join(missing.roles)} to reach it; without the privilege the"
            " answer is 42501",
            want="the privilege that goes with the policy",
            fix=missing.grant,
        )


@needs("database")
def test_nothing_relies_on_automatic_exposure(
    lost_by_new_default, auto_expose, catalogue_size, evidence, findings
):
    """The project works where the platform grants nothing by itself.

    Why: new projects, branches and restores grant nothing on new tables in `public` since 2026-05-30, and
    every project since 2026-10-30: what has no grant of its own then answers 42501. Tables that exist keep
    their grants until the database is made anew.
    Fix: the grants that the finding spells out, in a migration; or `[api] auto_expose_new_tables = true` in
    `config.toml`, which the local stack honours until it is removed, and the hosted platform does not.
    """
    lost = lost_by_new_default
    findings.looked_at(catalogue_size, OBJECTS)
    if lost.callers:
        evidence.note(f"revoked from PUBLIC, and open to users by the old default: {', '.join(lost.callers)}")
    for subject, grants in lost.grants.items():
        remedy = " ".join(grants)
        if auto_expose:
            evidence.note(f"{subject} relies on auto_expose_new_tables = true; it needs: {remedy}")
            continue
        findings.add(
            subject,
            saw="it is reached by the platform's old default only: a database made since 2026-10-30 answers"
            " 42501",
            want="grants of its own",
            fix=remedy,
        )


@needs("database")
def test_exposed_schemas_exist_and_are_for_users(
    everywhere, exposed_schemas, own_functions, evidence, findings
):
    """Every schema that `config.toml` exposes exists, and none of them is internal.

    Why: the Data API does not start where a schema is missing. What an internal schema holds was made on
    the understanding that nobody can call it.
    Fix: take the schema out of `[api].schemas`, or create it.
    """
    seen = everywhere(read_schemas)
    known = {name for name, _ in seen}
    for name in findings.over(exposed_schemas, "exposed schemas"):
        if name not in known:
            saw, fix = "there is no such schema", f"create schema {name}; or take it out of [api].schemas"
        elif name in PLATFORM_OWN:
            saw = "it belongs to the platform and has tables and functions that are not for users"
            fix = f"take {name} out of [api].schemas in config.toml"
        elif internal_by_name(name) and any(f.schema == name and f.security_definer for f in own_functions):
            saw = "its name says that it is internal, and functions in it run with their owner's rights"
            fix = f"take {name} out of [api].schemas in config.toml"
        else:
            continue
        findings.add(f"schema {name}", saw=saw, want="schemas that are made for users", fix=fix)
    if "storage" in exposed_schemas:
        evidence.note("config.toml exposes the schema storage, as projects made before 2024 do")


@needs("database")
def test_graphql_tells_strangers_no_names(everywhere, exposed_schemas, exposures, catalogue_size, findings):
    """Where GraphQL introspection was switched on, it names only what somebody not signed in may read.

    Why: introspection lists every table and column that a role has a privilege for, also where no policy
    gives it a row.
    Fix: `revoke select on … from anon`, or leave introspection off, as it is by default since pg_graphql 1.6.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    policies = [policy for policy, _ in everywhere(read_policies)]
    for schema, place in everywhere(partial(introspected_schemas, schemas=exposed_schemas)):
        for relation in graphql_leaks(schema, [relation for relation, _ in exposures], policies):
            findings.add(
                relation,
                saw=f"GraphQL introspection of schema {schema} shows it to anon, whom no policy lets read it"
                f" ({place})",
                want="names of tables for those only who may read them",
                fix=f"revoke select on {relation} from anon;",
            )
