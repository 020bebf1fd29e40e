"""The working process's side: which items run, when, and what became of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shipworthy.barrier import Barrier
from shipworthy.catalogue import check_id
from shipworthy.classify import WithheldError, classify
from shipworthy.errors import RunError
from shipworthy.evidence.writer import Evidence
from shipworthy.findings import Findings
from shipworthy.ledger import LedgerReader, Outcome, now
from shipworthy.plan import PlannedCheck
from shipworthy.run import Run

CHECK = pytest.StashKey[PlannedCheck]()
EVIDENCE = pytest.StashKey[Evidence]()
WITHHELD = pytest.StashKey[BaseException]()
ATTEMPTS = pytest.StashKey[list[dict[str, Any]]]()
"""What became of the attempts before the last one."""
STARTED = pytest.StashKey[str]()


class Executor:
    """Registered in every process that runs checks."""

    def __init__(self, run: Run, config: pytest.Config) -> None:
        self._run, self._redactor = run, run.redactor
        self._planned = {check.id: check for check in run.plan.checks}
        self._modules = {check.file for check in run.plan.checks}
        self._order = {identity: index for index, identity in enumerate(self._planned)}
        self._check_s = run.loaded.target.budgets.check_s
        self._barrier: Barrier | None = None
        self._worker = getattr(config, "workerinput", {}).get("workerid", "main")

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave the modules out that hold none of a partial run's checks: they need not be imported."""
        in_a_stage = collection_path.match("test_*.py") and check_id(collection_path, "") is not None
        planned = "/".join(collection_path.parts[-3:]) in self._modules
        return True if self._run.plan.partial and in_a_stage and not planned else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is planned, in the order of the plan."""
        kept = []
        for item in items:
            check = self._planned.get(self._identify(item))
            if check:
                item.stash[CHECK] = check
                attempts = 1 + self._run.plan.retries.get(check.stage, 0)
                item.add_marker(pytest.mark.timeout(self._check_s * attempts, method="signal"))
                kept.append(item)
        items[:] = sorted(kept, key=lambda item: (self._order[item.stash[CHECK].id], item.nodeid))
        self._barrier = Barrier(
            self._run.plan.checks,
            Counter(item.stash[CHECK].id for item in items),
            LedgerReader(self._run.ledger),
            self._run.loaded.target.budgets.total_s,
        )

    def _identify(self, item: pytest.Item) -> str:
        identity = check_id(Path(item.path), getattr(item, "originalname", item.name))
        known = {*self._planned, *self._run.plan.not_applicable}
        if identity is None or (identity not in known and not self._run.plan.partial):
            raise pytest.UsageError(
                f"{item.nodeid} is no check that the catalogue knows; see CONTRIBUTING.md"
            )
        return identity

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Wait for the check's turn before anything else, its own deadline included, begins."""
        assert self._barrier is not None
        try:
            blocked = self._barrier.pass_through(item.stash[CHECK])
            if blocked:
                withheld: BaseException = WithheldError(f"withheld: {blocked}")
                item.stash[WITHHELD] = withheld
        except TimeoutError as error:
            item.stash[WITHHELD] = RunError(str(error))
        item.stash[STARTED] = now()
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Stop a withheld check where it would begin."""
        if WITHHELD in item.stash:
            raise item.stash[WITHHELD]

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Any:
        """Settle the findings of a check whose body came to its end."""
        result = yield
        findings = pyfuncitem.funcargs.get("findings")
        if isinstance(findings, Findings):
            findings.settle()
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Say in the report what the phase means for the check."""
        report = yield
        check = item.stash[CHECK]
        error = call.excinfo.value if call.excinfo else None
        findings = getattr(item, "funcargs", {}).get("findings")
        facts = classify(check, report.when, error, findings)
        if facts["outcome"] == Outcome.ERROR and error:
            self.evidence_of(item).text(f"traceback-{report.when}", str(report.longrepr))
        facts |= {"started": item.stash[STARTED], "duration_s": report.duration, "worker": self._worker}
        if report.when == "teardown":
            facts |= self._left_by(item, findings)
        report.gate = facts
        return report

    def _left_by(self, item: pytest.Item, findings: Findings | None) -> dict[str, Any]:
        left: dict[str, Any] = {"attempts": item.stash.get(ATTEMPTS, [])}
        if EVIDENCE in item.stash:
            left |= item.stash[EVIDENCE].record()
        if findings:
            left["examined"] = findings.examined
        return left

    def evidence_of(self, item: pytest.Item) -> Evidence:
        """Give the evidence of an item, the same one throughout an attempt."""
        if EVIDENCE not in item.stash:
            check = item.stash[CHECK]
            item.stash[EVIDENCE] = Evidence(self._run.folder, check.stage, check.id, self._redactor)
        return item.stash[EVIDENCE]
