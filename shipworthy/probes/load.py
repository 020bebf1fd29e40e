"""Many users at once, sent by Locust as a process of its own; its own figures are the facts."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shipworthy.errors import ProbeError

PLAN_VARIABLE = "SHIPWORTHY_LOAD_PLAN"
P95_NEEDS_SAMPLES = 130
SAMPLED_WITHIN_S = 10.0
STARTS_WITHIN_S = 30.0
"""Locust's own start and its reports at the end."""
AGGREGATED = "Aggregated"
WRAPPED = re.compile(r"^CatchResponseError\((['\"])(.*)\1\)$", re.DOTALL)
"""How Locust writes what a user class said of an answer."""

Kind = Literal["chat", "read", "search", "function"]
USER_CLASSES: dict[Kind, str] = {
    "chat": "ChatUser",
    "read": "DataReader",
    "search": "Searcher",
    "function": "FunctionCaller",
}


class Traffic(BaseModel):
    """One kind of request that the users send."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    name: str
    """What it is called in reports; holds no secret."""
    url: str
    headers: dict[str, str]
    body: dict[str, Any] | None = None


class LoadPlan(BaseModel):
    """What one load run sends, how fast and for how long; reaches Locust by its environment."""

    model_config = ConfigDict(frozen=True)

    profile: Literal["gate", "nightly", "soak"]
    users: int
    duration_s: float
    traffic: tuple[Traffic, ...]
    samples: int = P95_NEEDS_SAMPLES
    """Requests of each kind that are wanted; until they are there the run goes on, up to ``longest_s``."""

    def share(self, kind: Kind) -> int:
        """Count the requests of one kind: that many shares of the users send them."""
        return sum(traffic.kind == kind for traffic in self.traffic)

    @property
    def longest_s(self) -> float:
        """When the run ends in any case."""
        return max(3 * self.duration_s, self.duration_s + 20) if self.profile == "gate" else self.duration_s

    @property
    def requests_per_user_s(self) -> float:
        """How often one user sends: each kind gets its samples in ten seconds, and once a second at least."""
        per_kind_s = 1.15 * self.samples / min(self.duration_s, SAMPLED_WITHIN_S)
        return max(1.0, per_kind_s * len(self.traffic) / self.users)


@dataclass(frozen=True, slots=True)
class RequestStats:
    """What Locust measured for one kind of request, or for all together; times in milliseconds."""

    name: str
    requests: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_s: float

    @property
    def error_rate(self) -> float:
        """The share of failed requests; without a request, all failed."""
        return self.failures / self.requests if self.requests else 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure, as Locust counted it."""

    name: str
    error: str
    occurrences: int


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The figures of one load run."""

    kinds: tuple[RequestStats, ...]
    total: RequestStats
    failures: tuple[Failure, ...]
    seconds: float


def run_locust(
    plan: LoadPlan,
    locustfile: Path,
    folder: Path,
    environment: Mapping[str, str],
    observe: Callable[[], None] = lambda: None,
) -> LoadResult:
    """Run a plan to its end and read the figures; Locust's CSV, HTML and log stay in ``folder``.

    The process belongs to the caller's process group and gets its secrets by environment only.

    Args:
        plan: what to send.
        locustfile: the file with the user classes.
        folder: where Locust's reports go.
        environment: what the process is started with, besides the plan.
        observe: called twice a second while the load runs.

    Raises:
        ProbeError: Locust did not start, did not end in time or left no figures.

    """
    bound_s = plan.longest_s + STARTS_WITHIN_S
    argv = [sys.executable, "-m", "locust", "-f", str(locustfile), "--headless", "--only-summary"]
    argv += ["--csv", str(folder / "locust"), "--html", str(folder / "locust.html")]
    argv += ["--logfile", str(folder / "locust.log"), "--exit-code-on-error", "0"]
    argv += sorted({USER_CLASSES[traffic.kind] for traffic in plan.traffic})
    started = time.monotonic()
    with (folder / "locust.txt").open("wb") as output:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**environment, PLAN_VARIABLE: plan.model_dump_json()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _attend(process, started + bound_s, observe)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        how = f"ended with {process.returncode} after {time.monotonic() - started:.0f} s"
        raise ProbeError(f"Locust {how}; {_last_words(folder)}")
    return _read_result(folder, time.monotonic() - started)


def _attend(process: subprocess.Popen[bytes], deadline: float, observe: Callable[[], None]) -> None:
    while time.monotonic() < deadline:
        observe()
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        return


def _last_words(folder: Path) -> str:
    written = [folder / name for name in ("locust.log", "locust.txt") if (folder / name).is_file()]
    lines = [line for path in written for line in path.read_text(errors="replace").splitlines() if line]
    return " / ".join(lines[-3:]) or "it said nothing"


def _read_result(folder: Path, seconds: float) -> LoadResult:
    try:
        stats = [_stats(row) for row in _rows(folder / "locust_stats.csv")]
        failures = [
            Failure(row["Name"], WRAPPED.sub(r"\2", row["Error"]), int(row["Occurrences"]))
            for row in _rows(folder / "locust_failures.csv")
        ]
    except (OSError, KeyError, ValueError) as error:
        raise ProbeError(f"Locust left no figures: {error!r}; {_last_words(folder)}") from error
    total = next((entry for entry in stats if entry.name == AGGREGATED), None)
    if total is None:
        raise ProbeError(f"Locust left no total; {_last_words(folder)}")
    kinds = tuple(entry for entry in stats if entry is not total)
    return LoadResult(kinds, total, tuple(failures), seconds)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _stats(row: Mapping[str, str]) -> RequestStats:
    def number(column: str) -> float:
        return 0.0 if row[column] in {"", "N/A"} else float(row[column])

    return RequestStats(
        row["Name"],
        int(row["Request Count"]),
        int(row["Failure Count"]),
        number("50%"),
        number("95%"),
        number("99%"),
        number("Requests/s"),
    )
