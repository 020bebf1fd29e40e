"""Whether functions can be used to get past the policies."""

from shipworthy import needs
from shipworthy.probes.postgres.calls import call_as
from shipworthy.probes.postgres.personas import ANONYMOUS, SERVICE


@needs("database")
def test_definer_functions_pin_their_search_path(scratch_functions, exposed_schemas, findings):
    """Every function with its owner's rights sets its own search path.

    Why: with the caller's search path, a caller decides which table or operator an unqualified name means,
    and it is used with the owner's rights.
    Fix: `alter function … set search_path = ''`, and qualify the names in its body.
    """
    findings.looked_at(len(exposed_schemas), "exposed schemas")
    for function in scratch_functions:
        if function.security_definer and not function.search_path:
            findings.add(
                function.signature,
                saw="security definer, and no search_path of its own",
                want="a fixed search_path",
                fix=f"alter function {function.signature} set search_path = '';",
            )


@needs("database")
def test_service_functions_refuse_everyone_else(
    scratch_session, service_functions, exposed_schemas, worlds, findings
):
    """What the contract keeps for the service turns away users and anonymous callers when they call it.

    Why: such functions queue work, delete and release for all tenants; a check inside the function is no
    substitute for being refused at the door.
    Fix: `revoke execute on function … from public, anon, authenticated`.
    """
    findings.looked_at(len(exposed_schemas), "exposed schemas")
    for function in service_functions:
        for persona in (ANONYMOUS, worlds.people.stranger):
            if call_as(scratch_session, persona, function).entered:
                findings.add(
                    function.signature,
                    saw=f"{persona.role} may execute it",
                    want="permission denied for everyone but the service role",
                    fix=f"revoke execute on function {function.signature} from public, {persona.role};",
                )
        answer = call_as(scratch_session, SERVICE, function)
        if not answer.entered:
            findings.add(
                function.signature,
                saw=f"the service role may not execute it: {answer.saw}",
                want="it works for the service role",
                fix=f"grant execute on function {function.signature} to service_role;",
            )
