"""The controlling process's side: reports become records of the ledger."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import pytest

from shipworthy.catalogue import check_id
from shipworthy.classify import worst
from shipworthy.ledger import Ledger, Outcome, now
from shipworthy.run import Run
from shipworthy.waivers import apply_waivers

NODE = re.compile(r"^(?P<file>[^:]+)::(?P<function>\w+)(?:\[(?P<variant>.*)\])?$", re.DOTALL)


def identify(nodeid: str) -> tuple[str, str] | None:
    """Give the check and the variant that a node id stands for; None where it is no check."""
    match = NODE.match(nodeid)
    identity = check_id(PurePosixPath(match["file"]), match["function"]) if match else None
    return (identity, match["variant"] or "") if match and identity else None


class Recorder:
    """Writes the ledger while the run goes on, and tells a listener of each record."""

    def __init__(self, run: Run, listener: Callable[[dict[str, Any]], None]) -> None:
        self._run, self._listener = run, listener
        self._ledger = Ledger(run.ledger)
        self._redactor = run.redactor
        self._phases: dict[str, list[dict[str, Any]]] = {}
        self._collected = False
        self.verdict: dict[str, Any] | None = None
        """What became of the run, where this process judged it."""

    def collected(self, nodeids: list[str]) -> None:
        """Record which checks, and which variants of them, are there to run."""
        if self._collected:
            return
        self._collected = True
        checks: dict[str, list[str]] = {}
        for identity, variant in filter(None, map(identify, nodeids)):
            checks.setdefault(identity, []).append(variant)
        self._ledger.append("collected", checks=checks)

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a worker has taken the check up."""
        named = identify(nodeid)
        if named:
            self._ledger.append("started", check=named[0], variant=named[1])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather the phases of an item; the last one makes the record."""
        named = identify(report.nodeid)
        if not named:
            return
        if report.when not in {"setup", "call", "teardown"}:
            self._record(named, [_died()])
            return
        phases = self._phases.setdefault(report.nodeid, [])
        phases.append(report.gate | {"when": report.when})
        if report.when == "teardown":
            self._record(named, self._phases.pop(report.nodeid))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Note that a worker died; who waits for what it held stops waiting."""
        if error:
            self._ledger.append("worker_lost", worker=node.gateway.id)

    def stopped(self, reason: str) -> None:
        """Record why the run cannot be completed."""
        self._ledger.append("stopped", reason=self._redactor.redact(reason))

    def close(self) -> None:
        """Record that the run came to its own end."""
        self._ledger.append("end")
        self._ledger.close()

    def _record(self, named: tuple[str, str], phases: list[dict[str, Any]]) -> None:
        call = next((phase for phase in phases if phase.get("attempts") is not None), phases[-1])
        for number, attempt in enumerate(call.get("attempts") or [], start=1):
            self._append(named, attempt, number, final=False)
        facts = {**call, **worst(phases)}
        facts["duration_s"] = round(sum(phase.get("duration_s", 0.0) for phase in phases), 4)
        facts["started"] = phases[0]["started"]
        self._append(named, facts, len(call.get("attempts") or []) + 1, final=True)

    def _append(self, named: tuple[str, str], facts: dict[str, Any], attempt: int, *, final: bool) -> None:
        today = dt.datetime.now(dt.UTC).date()
        outcome, waivers, remarks = apply_waivers(
            Outcome(facts["outcome"]), named[0], facts["findings"], self._run.plan.waivers, today
        )
        record = {
            "check": named[0],
            "variant": named[1],
            "attempt": attempt,
            "final": final,
            "outcome": str(outcome),
            "started": facts["started"],
            "duration_s": facts["duration_s"],
            "worker": facts.get("worker", ""),
            "message": "; ".join(filter(None, [facts["message"], *remarks])),
            "findings": facts["findings"],
            "waivers": waivers,
            "examined": facts.get("examined", {}),
            "measures": facts.get("measures", []),
            "notes": facts.get("notes", []),
            "evidence": facts.get("evidence", []),
        }
        self._listener(self._ledger.append("check", **self._redactor.redact_json(record)))


def _died() -> dict[str, Any]:
    return {
        "outcome": str(Outcome.ERROR),
        "message": "the worker process died while it ran",
        "findings": [],
        "started": now(),
        "duration_s": 0.0,
    }
