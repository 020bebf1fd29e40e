"""Supabase's own advisors (splinter), run through the real CLI."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from shipworthy.errors import ProbeError

RUN_S = 120.0
FIRST_WITH_REMOTE = 3
"""Since this version commands are for the local stack unless ``--remote`` is given; before: ``--db-url``."""
JUDGED_HERE = frozenset(
    {
        "anon_security_definer_function_executable",
        "authenticated_security_definer_function_executable",
        "extension_in_public",
        "extension_versions_outdated",
        "foreign_table_in_api",
        "function_search_path_mutable",
        "materialized_view_in_api",
        "pg_graphql_anon_table_exposed",
        "pg_graphql_authenticated_table_exposed",
        "public_bucket_allows_listing",
        "rls_policy_always_true",
    }
)
"""Warnings that the gate's own checks decide more exactly, or that are about the server: told as notes."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that an advisor said."""

    lint: str
    """Its name: ``rls_disabled_in_public``."""
    level: str
    """``ERROR``, ``WARN`` or ``INFO``."""
    security: bool
    subject: str
    """What it is about: ``public.documents``."""
    detail: str
    remediation: str
    """Address of its description."""

    @property
    def grave(self) -> bool:
        """An error, or a warning about security that no check of the gate judges itself."""
        if self.level == "ERROR":
            return True
        return self.level == "WARN" and self.security and self.lint not in JUDGED_HERE


def run_advisors(cli: Sequence[str], dsn: str) -> tuple[Advice, ...]:
    """Ask the advisors about a database, at every level.

    Args:
        cli: the command of the Supabase CLI, version 2 or 3.
        dsn: the database, as a URL.

    Raises:
        ProbeError: the CLI does not run, or cannot look.

    """
    flag = "--remote" if cli_version(cli)[0] >= FIRST_WITH_REMOTE else "--db-url"
    said = _run(
        cli, "db", "advisors", f"{flag}={_reachable(dsn)}", "--output-format", "json", "--level", "info"
    )
    try:
        results = json.loads(said.stdout)["results"]
    except (ValueError, KeyError, TypeError) as error:
        raise ProbeError(f"`supabase db advisors` failed: {_last(said)}") from error
    return tuple(_advice(result) for result in results)


def cli_version(cli: Sequence[str]) -> tuple[int, ...]:
    """Ask the CLI for its version.

    Raises:
        ProbeError: it says none.

    """
    said = _run(cli, "--version")
    try:
        return tuple(int(part) for part in said.stdout.strip().split("-")[0].split("."))
    except ValueError as error:
        raise ProbeError(f"`supabase --version` failed: {_last(said)}") from error


def _advice(result: dict[str, Any]) -> Advice:
    about = result.get("metadata") or {}
    name = ".".join(str(about[key]) for key in ("schema", "name") if about.get(key))
    return Advice(
        lint=result["name"],
        level=result["level"],
        security="SECURITY" in result.get("categories", ()),
        subject=name or result.get("cacheKey", result["name"]),
        detail=result.get("detail", "").replace("\\`", "`"),
        remediation=result.get("remediation", ""),
    )


def _reachable(dsn: str) -> str:
    """Tell the CLI not to insist on encryption where the server has none: version 2 does."""
    with psycopg.connect(dsn) as connection:
        encrypted = connection.pgconn.ssl_in_use
    return dsn if encrypted or "sslmode=" in dsn else f"{dsn}{'&' if '?' in dsn else '?'}sslmode=disable"


def _run(cli: Sequence[str], *words: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="shipworthy-cli-") as home:  # it keeps its settings there
        try:
            return subprocess.run(
                [*cli, *words],
                cwd=home,
                env=os.environ | {"HOME": home, "SUPABASE_TELEMETRY": "0", "DO_NOT_TRACK": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=RUN_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ProbeError(f"the Supabase CLI ({Path(cli[-1]).name}) does not run: {error}") from error


def _last(said: subprocess.CompletedProcess[str]) -> str:
    lines = (said.stderr + said.stdout).strip().splitlines()
    return " ".join(lines[-3:])[:500] or f"it ended with {said.returncode} and said nothing"
