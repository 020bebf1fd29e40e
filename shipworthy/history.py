"""Finding earlier runs, and checking that their evidence is what was left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shipworthy.errors import RunError
from shipworthy.evidence.manifest import check as check_manifest
from shipworthy.ledger import digest_of, read_ledger
from shipworthy.plan import read_plan
from shipworthy.verdict import derive_verdict


def find_run(name: str, reports: Path) -> Path:
    """Find a run by its folder, its id, or the name of its target (then the latest).

    Raises:
        RunError: there is none.

    """
    if (Path(name) / "plan.json").is_file():
        return Path(name)
    runs = sorted((reports / "runs").glob("*/*/plan.json"), key=lambda path: path.parent.name)
    for path in reversed(runs):
        if path.parent.parent.name == name or path.parent.name.endswith(f"-{name}"):
            return path.parent
    raise RunError(
        f"there is no run {name!r}: name a folder below {reports / 'runs'}, a run's id, or a target"
    )


def blocking_checks(run: Path) -> tuple[str, ...]:
    """Give the checks that kept a run from GO, for running them again.

    Raises:
        RunError: the run has no verdict, or nothing blocked.

    """
    blocking = tuple(record["check"] for record in read_verdict(run)["blocking"])
    if not blocking:
        raise RunError(f"nothing blocked in {run}: there is nothing to run again")
    return blocking


def read_verdict(run: Path) -> dict[str, Any]:
    """Read a run's verdict.

    Raises:
        RunError: there is none.

    """
    try:
        verdict: dict[str, Any] = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{run} has no readable verdict.json: {error}") from error
    return verdict


def problems_of(run: Path, *, revision: str | None = None, target: str | None = None) -> list[str]:
    """Say everything that keeps a run's evidence from vouching for a promotion.

    The verdict is derived again from plan and ledger; the stored one must say the same, and every
    file must be what the manifest says.

    Args:
        run: the run's folder.
        revision: the commit that is to be shipped; at least seven digits.
        target: the target whose evidence is asked for.

    """
    plan, stored = read_plan(run / "plan.json"), read_verdict(run)
    derived = derive_verdict(
        plan, read_ledger(run / "ledger.jsonl"), ledger_digest=digest_of(run / "ledger.jsonl")
    )
    problems = [str(problem) for problem in check_manifest(run)]
    if derived != stored:
        differing = sorted(key for key in derived if derived[key] != stored.get(key))
        problems.append(f"verdict.json does not follow from plan and ledger: {', '.join(differing)} differ")
    if derived["verdict"] != "GO":
        problems.append(f"the verdict is NO-GO: {derived['reason']}")
    if plan.partial:
        problems.append(f"the run was limited to {plan.partial}: a limited run vouches for nothing else")
    if plan.revision["dirty"]:
        problems.append("the working tree had changes that are in no revision")
    commit = plan.revision["commit"] or ""
    if revision and not (len(revision) >= 7 and commit.startswith(revision)):
        problems.append(f"it judged revision {commit or 'unknown'}, not {revision}")
    if target and plan.target["name"] != target:
        problems.append(f"it judged the target {plan.target['name']}, not {target}")
    return problems
