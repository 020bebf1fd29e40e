"""The tools, each asked about a project and its database as its own documentation says."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs.detection.deployments import Planted, of_the_database
from shipworthy.ledger import read_ledger
from shipworthy.probes.postgres.lints.advisors import cli_version, run_advisors
from shipworthy.probes.postgres.lints.squawk import squawk_program
from shipworthy.probes.postgres.scratch import connect_scratch
from shipworthy.setup import cache_folder, supabase_command

PGRLS = "0.57.1"
SCHEMAS = ("public", "private", "storage")
LONGEST_S = 400
TASTE = ("prefer-", "require-lock-timeout", "require-statement-timeout", "require-timeout-settings")
"""Rules of squawk that object to nearly every migration: no sign that a fault was seen."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that a tool said."""

    rule: str
    subject: str
    level: str


Remarks = frozenset[Remark]


class Advisors:
    """Supabase's own advisors (splinter), through the CLI."""

    name = "Supabase advisors"
    of_the_database = True

    def __init__(self) -> None:
        self.command = supabase_command()
        self.version = "CLI " + ".".join(map(str, cli_version(self.command)))

    def remarks(self, planted: Planted) -> Remarks:
        """Give everything that they say about the deployed database, at every level."""
        said = run_advisors(self.command, planted.live)
        return frozenset(Remark(advice.lint, advice.detail, advice.level.lower()) for advice in said)


class Pgrls:
    """pgrls lint, in an environment of its own: it wants another version of the parser than we do."""

    name = "pgrls"
    of_the_database = True
    version = PGRLS

    def __init__(self) -> None:
        folder = cache_folder() / f"pgrls-{PGRLS}"
        if not (folder / "bin" / "pgrls").is_file():
            venv.create(folder, with_pip=True)
            install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", f"pgrls=={PGRLS}"]
            subprocess.run(install, check=True, capture_output=True)
        self.program = folder / "bin" / "pgrls"

    def remarks(self, planted: Planted) -> Remarks:
        """Give every violation in the deployed database."""
        schemas = _schemas(planted.live)
        words = ["lint", "--database-url", planted.live, "--format", "json", "--schemas", schemas]
        done = _run([str(self.program), *words], planted.folder)
        try:
            violations = json.loads(done.stdout)["violations"]
        except (ValueError, KeyError) as error:
            raise RuntimeError(f"pgrls: {done.stderr[-500:]}") from error
        return frozenset(
            Remark(v["rule_id"], f"{v['location']}: {v['message']}", v["severity"]) for v in violations
        )


def _schemas(live: str) -> str:
    """Name the schemas that a project has of its own; pgrls refuses one that is not there."""
    with connect_scratch(live) as connection:
        query = "select nspname from pg_namespace where nspname = any (%s)"
        rows = connection.execute(query, [list(SCHEMAS)])
        return ",".join(sorted(name for (name,) in rows))


class Squawk:
    """squawk on the migrations, with its own defaults."""

    name = "squawk"
    of_the_database = False

    def __init__(self) -> None:
        self.program = str(squawk_program())
        self.version = _run([self.program, "--version"], Path()).stdout.split()[-1]

    def remarks(self, planted: Planted) -> Remarks:
        """Give every warning about every migration."""
        files = sorted(str(file) for file in (planted.project / "migrations").glob("*.sql"))
        words = ["--reporter", "json", "--pg-version=17", "--assume-in-transaction"]
        results = json.loads(_run([self.program, *words, *files], planted.folder).stdout)
        return frozenset(
            Remark(r["rule_name"], f"{Path(r['file']).name}:{r['line']}", r["level"].lower()) for r in results
        )


Tool = Advisors | Pgrls | Squawk


def telling(remarks: Iterable[Remark], clean: Remarks) -> list[str]:
    """Name the rules of remarks that say something about a fault.

    Not those that were there without it, and not the rules that object to most tables or migrations of
    the clean project anyway: what is said of everything says nothing.
    """
    common = {rule for rule in {r.rule for r in clean} if sum(r.rule == rule for r in clean) >= MOST}
    new = {remark.rule for remark in remarks if remark not in clean}
    return sorted(rule for rule in new - common if not rule.startswith(TASTE))


MOST = 9
"""More than half of the reference project's tables."""


def judge(planted: Planted) -> tuple[bool, str]:
    """Run the gate's check for a fault; gives whether it failed, and the subject that it named first."""
    fault = planted.fault
    assert fault
    where = ["database"] if of_the_database(fault) else ["local", "--plant", fault.name]
    records = _gate(planted.folder, [*where, "-n", "0", "--check", fault.caught_by])
    record = next((record for record in records if record["check"] == fault.caught_by), None)
    if record is None:
        raise RuntimeError(f"the run has no record of {fault.caught_by}")
    findings = record["findings"]
    return record["outcome"] == "failed" and bool(findings), findings[0]["subject"] if findings else ""


def count_findings(planted: Planted) -> int:
    """Judge a project by its folder alone, in both stages; gives the number of findings."""
    stages = ("--stage", "migrations", "--stage", "access")
    records = _gate(planted.folder, ["--project", "supabase", "--scratch", "embedded", "-n", "0", *stages])
    return sum(len(record["findings"]) for record in records)


def _gate(folder: Path, words: list[str]) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "shipworthy.cli", "run", "--reports", str(folder / "reports"), *words]
    done = _run(command, folder)
    ledgers = list((folder / "reports").rglob("ledger.jsonl"))
    if len(ledgers) != 1:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout[-800:]}{done.stderr[-800:]}")
    return [entry for entry in read_ledger(ledgers[0]) if entry["event"] == "check"]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
