"""Whether functions can be used to get past the policies."""

from shipworthy import needs
from shipworthy.probes.postgres.calls import call_as
from shipworthy.probes.postgres.personas import ANONYMOUS, SERVICE


@needs("database.live")
def test_definer_functions_pin_their_search_path(live_functions, findings):
    """Every function with its owner's rights sets its own search path.

    Why: with the caller's search path, a caller decides which table or operator an unqualified name means,
    and it is used with the owner's rights.
    Fix: `alter function … set search_path = ''`, and qualify the names in its body.
    """
    for function in findings.over(live_functions, "functions"):
        if function.security_definer and not function.search_path:
            findings.add(
                function.signature,
                saw="security definer, and no search_path of its own",
                want="a fixed search_path",
                fix=f"alter function {function.signature} set search_path = '';",
            )


@needs("database.live", "tenancy")
def test_definer_functions_are_not_open(live_functions, tenancy, findings):
    """No function that the API serves runs with its owner's rights for users, unless it is declared open.

    Why: it reads and writes past every policy, for everyone who may call it; and everyone may call a new
    function until that is revoked.
    Fix: `revoke execute on function … from public, anon, authenticated`, make it `security invoker`, or move
    it to a schema that is not exposed.
    """
    for function in findings.over(live_functions, "functions"):
        callers = [role for role in ("anon", "authenticated") if getattr(function, role)]
        exempt = function.trigger or function.name in tenancy.open_functions
        if function.exposed and function.security_definer and callers and not exempt:
            findings.add(
                function.signature,
                saw=f"security definer, and {' and '.join(callers)} may execute it",
                want="functions with their owner's rights for the service only",
                fix=f"revoke execute on function {function.signature} from public, anon, authenticated;",
            )


@needs("database", "tenancy.service_functions")
def test_service_functions_refuse_everyone_else(
    scratch_session, scratch_functions, members, tenancy, findings
):
    """The service's functions turn away users and anonymous callers, and work for the service role.

    Why: they queue work, delete and release models for all tenants.
    Fix: `revoke execute on function … from public, anon, authenticated`.
    """
    for name in findings.over(tenancy.service_functions, "service functions"):
        meant = [function for function in scratch_functions if function.name == name]
        if not meant:
            findings.add(
                name,
                saw="declared the service's, but no function has that name",
                want="the name of a function, as schema.function",
                fix="correct tenancy.service_functions in the target file",
            )
        for function in meant:
            for persona in (ANONYMOUS, members[0]):
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
