"""Whether functions get past the walls between tenants: called as everyone, with ids of both worlds."""

from dataclasses import asdict

from shipworthy import needs

MOST_NOTES = 20


@needs("database")
def test_functions_hand_out_no_row_of_the_other_world(rpc_calls, findings, evidence):
    """No function that the API serves gives a user rows of others that the user cannot read itself.

    Why: a function with its owner's rights reads past every policy, for everyone who may call it.
    Fix: `security invoker`, or a condition on `auth.uid()` in the body; `revoke execute` if only the
    service calls it.
    """
    evidence.json("calls.json", [asdict(called) for called in rpc_calls.called])
    for extension in rpc_calls.stand_ins:
        evidence.note(f"functions were called with a stand-in for {extension}")
    never = rpc_calls.never_ran
    for function in never[:MOST_NOTES]:
        evidence.note(f"no call came to its end, so nothing is shown of {function}")
    if never[MOST_NOTES:]:
        evidence.note(f"and of {len(never) - MOST_NOTES} more functions: calls.json has them")
    for function, those in rpc_calls.by_function("handed_out").items():
        findings.add(
            function,
            saw=f"rows of others come back: {rpc_calls.told(those, 'handed_out')}",
            want="rows only that the caller may read",
            fix=_remedy(those),
        )
    rpc_calls.looked(findings)


@needs("database")
def test_functions_change_no_row_of_the_other_world(rpc_calls, findings):
    """No function that the API serves lets a user change, delete or join what is another tenant's.

    Why: a function with its owner's rights writes past every policy, for everyone who may call it.
    Fix: check in the body whether the caller belongs to the tenant; `revoke execute` if only the service
    calls it.
    """
    for function, those in rpc_calls.by_function("changed").items():
        findings.add(
            function,
            saw=f"rows of others are changed, or joined: {rpc_calls.told(those, 'changed')}",
            want="no row of another tenant within reach",
            fix=_remedy(those),
        )
    rpc_calls.looked(findings)


def _remedy(those):
    called = those[0]
    roles = ", ".join(sorted({"public", *(each.role for each in those)}))
    revoke = f"revoke execute on function {called.function} from {roles};"
    if called.definer:
        return (
            f"alter function {called.function} security invoker; or check the caller in its body; or {revoke}"
        )
    return f"scope the policies of the tables that it uses; or {revoke}"
