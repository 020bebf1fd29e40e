"""Whether functions with their owner's rights know whom they serve."""

from functools import partial

from shipworthy import needs
from shipworthy.probes.postgres.definers import unasking_definers
from shipworthy.probes.postgres.exposure import project_functions

OBJECTS = "relations and functions of the project"


@needs("database")
def test_open_definer_functions_ask_who_is_calling(everywhere, exposed_schemas, catalogue_size, findings):
    """A function with its owner's rights that users can call asks who is calling.

    Why: it reads and writes past every policy; one that never asks does the same for everyone who has the
    public key.
    Fix: compare with `auth.uid()` in its body, make it `security invoker`, or revoke execute from users.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    seen = dict(everywhere(partial(project_functions, schemas=exposed_schemas)))
    for found in unasking_definers(seen):
        function = found.function
        findings.add(
            function.signature,
            saw=f"security definer, {' and '.join(function.callers)} may execute it, it {found.does} and"
            f" nothing in it asks who is calling ({seen[function]})",
            want="a body that limits what it does to the caller's own",
            fix=f"revoke execute on function {function.signature} from public,"
            f" {', '.join(function.callers)}; or check auth.uid() in its body",
        )
