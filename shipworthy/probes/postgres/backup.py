"""Backups in Postgres' own custom format: taken, listed, restored."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.embedded import client_program

LONGEST_S = 3600.0
LOCK_MS = 30_000
_REPORT = re.compile(r"^pg_restore: error: (.*?)(?=^pg_restore: |\Z)", re.DOTALL | re.MULTILINE)
_ROWS = re.compile(r"COPY failed for table \"(?P<table>.*?)\": (?P<message>.*)", re.DOTALL)
_STATEMENT = re.compile(r"^psql:.*?:(?P<line>\d+): ERROR: +(?P<message>.*)$", re.MULTILINE)
_OPTIONS = re.compile(
    r"^(ALTER TABLE ONLY .+ ALTER COLUMN .+ SET )\(([^()]*\bpg_attver=[^()]*)\);$", re.MULTILINE
)
_QUERY = re.compile(r"could not execute query: (?P<message>.*?)\nCommand was: (?P<command>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RestoreFailure:
    """One entry of a backup that could not be restored."""

    entry: str
    """The rows of a table, or the statement that makes something."""
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
    options = ("--format=custom", "--no-subscriptions", f"--lock-wait-timeout={LOCK_MS}")
    ended, seconds = _run("pg_dump", dsn, *options, f"--snapshot={snapshot}", f"--file={file}")
    if ended.returncode:
        raise ProbeError(f"pg_dump failed: {_brief(ended.stderr)}")
    return seconds


def dump_schema(dsn: str, file: Path, *, without: Iterable[str]) -> None:
    """Dump the definitions of a database and none of its rows; neither these schemas nor any extension.

    Raises:
        ProbeError: pg_dump refused; it must be as new as the server.

    """
    left_out = ("--exclude-extension=*", *(f"--exclude-schema={name}" for name in without))
    options = ("--format=custom", "--schema-only", "--no-owner", "--no-subscriptions", *left_out)
    ended, _ = _run("pg_dump", dsn, *options, f"--lock-wait-timeout={LOCK_MS}", f"--file={file}")
    if ended.returncode:
        raise ProbeError(f"pg_dump failed: {_brief(ended.stderr)}")


def list_dump(file: Path) -> tuple[str, ...]:
    """Give the table of contents of a dump: one entry a line, as ``pg_restore --use-list`` takes them."""
    ended = _called("pg_restore", "--list", str(file))
    if ended.returncode:
        raise ProbeError(f"the backup cannot be read: {_brief(ended.stderr)}")
    return tuple(line for line in ended.stdout.splitlines() if line and not line.startswith(";"))


def restore_dump(file: Path, dsn: str, *, entries: Iterable[str]) -> Restoration:
    """Restore entries of a dump into an empty database; what fails is noted and the rest goes on."""
    chosen = file.with_suffix(".list")
    chosen.write_text("\n".join(entries), encoding="utf-8")
    script = file.with_suffix(".sql")
    written = _called(
        "pg_restore", f"--use-list={chosen}", "--section=pre-data", f"--file={script}", str(file)
    )
    if written.returncode:
        raise ProbeError(f"the backup cannot be read: {_brief(written.stderr)}")
    said = script.read_text(encoding="utf-8")
    if not _OPTIONS.search(said):
        return _restored(dsn, f"--use-list={chosen}", str(file))
    script.write_text(without_versions(said), encoding="utf-8")
    ended, seconds = _run("psql", dsn, "--no-psqlrc", "--quiet", f"--file={script}")
    made = Restoration(seconds, tuple(_failed_statements(script, ended.stderr)))
    rest = _restored(dsn, f"--use-list={chosen}", "--section=data", "--section=post-data", str(file))
    return Restoration(made.seconds + rest.seconds, made.failures + rest.failures)


def without_versions(script: str) -> str:
    """Leave out the option ``pg_attver`` of columns: the server's own, which no other server takes.

    Servers from 17.12 on give it to every column, and ``pg_dump`` of other releases writes it down.
    """

    def kept(found: re.Match[str]) -> str:
        options = [o for o in found[2].split(", ") if not o.startswith("pg_attver=")]
        return f"{found[1]}({', '.join(options)});" if options else ""

    return _OPTIONS.sub(kept, script)


def _restored(dsn: str, *options: str) -> Restoration:
    ended, seconds = _run("pg_restore", dsn, *options)
    failures = tuple(_failure(match[1]) for match in _REPORT.finditer(ended.stderr))
    if ended.returncode and not failures:
        raise ProbeError(f"pg_restore failed: {_brief(ended.stderr)}")
    return Restoration(seconds, failures)


def _failed_statements(script: Path, said: str) -> Iterator[RestoreFailure]:
    """Read what psql refused; it names the line on which a statement ended."""
    lines = script.read_text(encoding="utf-8").splitlines()
    for found in _STATEMENT.finditer(said):
        above = "\n".join(lines[: int(found["line"])]).rstrip(";")
        statement = above.rpartition(";\n")[2] or above
        words = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
        yield RestoreFailure(_first(words, 120), _first(found["message"], 300))


def _run(program: str, dsn: str, *options: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a client program; the password goes by its environment, where `ps` does not show it."""
    parts = conninfo_to_dict(dsn)
    password = str(parts.pop("password", "") or "")
    place = make_conninfo("", **parts)
    environment = {"PATH": os.defpath, "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C"}
    began = time.monotonic()
    ended = _called(program, f"--dbname={place}", "--no-password", *options, environment=environment)
    return ended, time.monotonic() - began


def _called(
    program: str, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [str(client_program(program)), *options],
            check=False,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"{program} was not done after {LONGEST_S:.0f} s") from error


def _failure(report: str) -> RestoreFailure:
    """Read one error report of pg_restore."""
    if match := _ROWS.match(report):
        return RestoreFailure(f"rows of {match['table']}", _first(match["message"], 300))
    if match := _QUERY.match(report):
        return RestoreFailure(_first(match["command"], 120), _first(match["message"], 300))
    return RestoreFailure("the backup", _first(report, 300))


def _first(text: str, length: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= length else f"{words[:length]} …"


def _brief(text: str) -> str:
    return " ".join(text.split())[-400:]
