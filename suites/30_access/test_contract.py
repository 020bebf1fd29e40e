"""Whether the access contract, access.toml, says what is so: what was measured is compared with it."""

from shipworthy import needs
from shipworthy.probes.postgres.access.differences import DENIED, GONE, OPEN, UNDECLARED


@needs("database")
def test_everything_exposed_is_declared(contract_comparison, heatmap, findings, evidence):
    """Every table and view that the Data API serves, and every function that users may call, is declared.

    Why: what nobody has declared, nobody has reviewed; the next table would be public by oversight.
    Fix: add its line to `access.toml`; `shipworthy access PROJECT --write` drafts it.
    """
    evidence.text("access-heatmap.html", heatmap)
    for note in contract_comparison.notes:
        evidence.note(note)
    contract_comparison.report(UNDECLARED, findings)


@needs("database")
def test_nothing_is_open_beyond_the_contract(contract_comparison, findings):
    """Nobody reaches more of a table, a view or a function than `access.toml` says.

    Why: a grant or a policy that is wider than what was agreed publishes or hands out what it is about.
    Fix: narrow the policy or take the grant back, as the finding says; or change the contract, reviewed.
    """
    contract_comparison.report(OPEN, findings)


@needs("database")
def test_nothing_declared_is_denied(contract_comparison, findings):
    """Everybody reaches what `access.toml` says that they reach.

    Why: a policy that was tightened too far, or a grant that is missing, is an error that users meet.
    Fix: add the grant or widen the policy, as the finding says; or change the contract, reviewed.
    """
    contract_comparison.report(DENIED, findings)
    contract_comparison.demand_proof(findings)


@needs("database")
def test_contract_names_only_what_exists(contract_comparison, findings):
    """Every table, view and function that `access.toml` names is there.

    Why: a line for a table that was renamed or dropped protects nothing, and hides that its successor has
    none.
    Fix: correct the name, or remove the line.
    """
    contract_comparison.report(GONE, findings)
