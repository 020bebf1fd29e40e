"""Backups in Postgres' own custom format: taken, listed, restored."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.embedded import client_program

LONGEST_S = 3600.0
_FAILURE = re.compile(
    r"pg_restore: from TOC entry \d+; \d+ \d+ (?P<entry>[^\n]*)\n"
    r"(?P<text>pg_restore: error: .*?)(?=\npg_restore: |\Z)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class RestoreFailure:
    """One entry of a backup that could not be restored."""

    entry: str
    """What it was, as the backup lists it: ``TABLE DATA public documents postgres``."""
    message: str


@dataclass(frozen=True, slots=True)
class Restoration:
    """What became of restoring a backup."""

    seconds: float
    failures: tuple[RestoreFailure, ...]


def dump_database(dsn: str, file: Path, *, snapshot: str) -> float:
    """Dump a whole database, as one exported snapshot shows it; gives the seconds that it took.

    Raises:
        ProbeError: pg_dump refused; it must be as new as the server.

    """
    ended, seconds = _run(
        "pg_dump", dsn, "--format=custom", "--no-subscriptions", f"--snapshot={snapshot}", f"--file={file}"
    )
    if ended.returncode:
        raise ProbeError(f"pg_dump failed: {_brief(ended.stderr)}")
    return seconds


def list_dump(file: Path) -> tuple[str, ...]:
    """Give the table of contents of a dump: one entry a line, as ``pg_restore --use-list`` takes them."""
    ended = subprocess.run(
        [str(client_program("pg_restore")), "--list", str(file)],
        check=False,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        stdin=subprocess.DEVNULL,
    )
    if ended.returncode:
        raise ProbeError(f"the backup cannot be read: {_brief(ended.stderr)}")
    return tuple(line for line in ended.stdout.splitlines() if line and not line.startswith(";"))


def restore_dump(file: Path, dsn: str, *, entries: Iterable[str]) -> Restoration:
    """Restore entries of a dump into an empty database; what fails is noted and the rest goes on."""
    chosen = file.with_suffix(".list")
    chosen.write_text("\n".join(entries), encoding="utf-8")
    ended, seconds = _run("pg_restore", dsn, f"--use-list={chosen}", str(file))
    failures = tuple(
        RestoreFailure(match["entry"].strip(), _error(match["text"]))
        for match in _FAILURE.finditer(ended.stderr)
    )
    if ended.returncode and not failures:
        raise ProbeError(f"pg_restore failed: {_brief(ended.stderr)}")
    return Restoration(seconds, failures)


def _run(program: str, dsn: str, *options: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a client program; the password goes by its environment, where `ps` does not show it."""
    parts = conninfo_to_dict(dsn)
    password = str(parts.pop("password", "") or "")
    place = make_conninfo("", **parts)
    environment = {"PATH": os.defpath, "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
    began = time.monotonic()
    try:
        ended = subprocess.run(
            [str(client_program(program)), f"--dbname={place}", "--no-password", *options],
            check=False,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"{program} was not done after {LONGEST_S:.0f} s") from error
    return ended, time.monotonic() - began


def _error(text: str) -> str:
    """Reduce pg_restore's report to what the server said, without the statement."""
    said = text.partition("\nCommand was:")[0]
    said = re.sub(r"^pg_restore: error: (could not execute query: |COPY failed for table [^:]*: )?", "", said)
    return " ".join(said.split())[:300]


def _brief(text: str) -> str:
    return " ".join(text.split())[-400:]
