"""Further attempts for the checks of stages that the target allows them for."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from shipworthy.classify import worst
from shipworthy.evidence.writer import Evidence
from shipworthy.executor import ATTEMPTS, CHECK, EVIDENCE, STARTED, WITHHELD
from shipworthy.ledger import Outcome, now


class Retrying:
    """Gives the checks of named stages further attempts; every attempt is recorded."""

    def __init__(self, retries: dict[str, int]) -> None:
        self._retries = retries

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run an item until it holds or its attempts are used up; report the last attempt."""
        check = item.stash[CHECK]
        more = self._retries.get(check.stage, 0)
        if not more or WITHHELD in item.stash:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        item.stash[ATTEMPTS] = []
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for attempt in range(2, more + 2):
            phases = [report.gate for report in reports]
            if not Outcome(worst(phases)["outcome"]).blocks:
                break
            item.stash[ATTEMPTS].append({**phases[-1], **worst(phases), "attempts": None})
            _begin_again(item, attempt)
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True


def _begin_again(item: Any, attempt: int) -> None:
    item._initrequest()  # noqa: SLF001  as pytest-rerunfailures does: pytest has no public name for it
    item.stash[STARTED] = now()
    old = item.stash.get(EVIDENCE, None)
    if old:
        item.stash[EVIDENCE] = Evidence(old.run_folder, old.stage, old.check_id, old.redactor, attempt)
