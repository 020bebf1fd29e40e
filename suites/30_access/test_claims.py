"""Whether anyone is believed what they say about themselves."""

from shipworthy import needs
from shipworthy.probes.postgres.claims import read_views, trusting
from shipworthy.probes.postgres.policies import read_policies

OBJECTS = "relations and functions of the project"


@needs("database")
def test_nobody_is_judged_by_claims_they_can_edit(everywhere, own_functions, catalogue_size, findings):
    """No policy, no condition of a view and no function that these call asks `user_metadata`.

    Why: every signed-in user writes it with the public key (`auth.updateUser({ data: { role: "admin" } })`),
    and it comes back signed in the token.
    Fix: keep roles in `app_metadata` or in a table that users cannot write.
    """
    findings.looked_at(catalogue_size, OBJECTS)
    policies, views = dict(everywhere(read_policies)), dict(everywhere(read_views))
    places = {p.subject: place for p, place in policies.items()}
    places |= {f"view {v.name}": place for v, place in views.items()}
    for found in trusting(policies, views, own_functions):
        where = f"in {found.through}, which it calls" if found.through else "in its condition"
        findings.add(
            found.subject,
            saw=f"it decides by {' and '.join(found.claims)}, {where} ({places[found.subject]})",
            want="a decision by what only the service can write",
            fix="use auth.jwt() -> 'app_metadata', or a table of roles without write policies, instead of"
            f" {' and '.join(found.claims)} {where}",
        )
