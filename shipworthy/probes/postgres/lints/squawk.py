"""What squawk says about the locks and the rewrites of migrations that are yet to be applied."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.project import Migration
from shipworthy.probes.postgres.statements import fits_transaction, split_statements

RUN_S = 60.0
STOPS_OTHERS = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-required-field",
        "adding-serial-primary-key-field",
        "ban-alter-domain-with-add-constraint",
        "ban-concurrent-index-creation-in-transaction",
        "ban-drop-column",
        "ban-drop-table",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
        "renaming-column",
        "renaming-table",
        "require-concurrent-index-creation",
        "require-concurrent-index-deletion",
        "require-concurrent-reindex",
        "transaction-nesting",
    }
)
"""Rules about downtime: a table that others wait for, or that the deployed version of the code still uses.

All others are about taste (``prefer-*``) or about settings that the CLI has its own habits for
(``require-*-timeout``); how long statements really hold others up is measured by the upgrade rehearsal.
"""


@dataclass(frozen=True, slots=True)
class Objection:
    """One objection of squawk to a statement."""

    file: str
    line: int
    rule: str
    message: str
    help: str

    @property
    def grave(self) -> bool:
        """It is about downtime."""
        return self.rule in STOPS_OTHERS


def squawk_program() -> Path:
    """Give the program that the package squawk-cli installs.

    Raises:
        ProbeError: it is not installed.

    """
    beside = Path(sys.executable).with_name("squawk")
    found = beside if beside.is_file() else shutil.which("squawk")
    if not found:
        raise ProbeError("squawk is not installed: pip install squawk-cli")
    return Path(found)


def run_squawk(migrations: Sequence[Migration], major: int) -> tuple[Objection, ...]:
    """Ask squawk about migrations as the CLI applies them: in a transaction, except those that cannot be.

    Args:
        migrations: in their order.
        major: version of Postgres.

    Raises:
        ProbeError: squawk is not installed or does not run.

    """
    program = squawk_program()
    together: dict[bool, list[Migration]] = {True: [], False: []}
    for migration in migrations:
        together[fits_transaction(split_statements(migration.sql))].append(migration)
    found = [
        objection
        for inside, files in together.items()
        if files
        for objection in _objections(program, files, major, inside=inside)
    ]
    return tuple(sorted(found, key=lambda objection: (objection.file, objection.line)))


def _objections(
    program: Path, files: Sequence[Migration], major: int, *, inside: bool
) -> Iterator[Objection]:
    words = ["--reporter", "json", f"--pg-version={major}", "--config", os.devnull]
    words += ["--assume-in-transaction"] if inside else []
    try:
        said = subprocess.run(
            [str(program), *words, *(str(migration.path) for migration in files)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_S, check=False,
        )  # fmt: skip
        results: list[dict[str, Any]] = json.loads(said.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ProbeError(f"squawk does not run: {error}") from error
    for result in results:
        yield Objection(
            file=Path(result["file"]).name,
            line=int(result["line"]) + 1,
            rule=result["rule_name"],
            message=result["message"],
            help=result.get("help") or "",
        )
