"""The buckets of Storage as a project declares them, against the deployed ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.declared import (
    Comparison,
    Connection,
    Mismatch,
    conditional,
    may_read,
    named_in,
    sql,
)
from shipworthy.probes.postgres.project import Project

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def compare_buckets(project: Project, made: Connection, live: Connection) -> Comparison:
    """Compare the buckets of the migrations and of ``config.toml`` with the deployed ones.

    Args:
        project: what its configuration says of a bucket is as good as what migrations wrote, because
            whichever was applied last holds.
        made: the migrated scratch database, without seed.
        live: the deployed database.

    """
    wanted = {name: {key: [value] for key, value in b.items()} for name, b in _read_buckets(made).items()}
    for name, settings in project.config.get("storage", {}).get("buckets", {}).items():
        declared = wanted.setdefault(name, {} if "public" in settings else {"public": [False]})
        for key, value in _configured(settings).items():
            declared.setdefault(key, []).append(value)
    deployed = _read_buckets(live)
    unknown = sorted(deployed.keys() - wanted.keys())
    passed = [name for name in unknown if named_in(project, name)]
    strangers = (
        Mismatch(
            f"bucket {name}",
            "it is on live, and neither migrations nor config.toml make it",
            "no bucket that the project does not know",
            f"add [storage.buckets.{name}] to config.toml, or insert it in a migration, or remove it",
        )
        for name in unknown
        if name not in passed
    )
    found = (*_bucket_mismatches(wanted, deployed), *strangers)
    return Comparison(1 + len(wanted), found, conditional("bucket", passed))


def _bucket_mismatches(wanted: Mapping[str, Any], deployed: Mapping[str, Any]) -> Iterator[Mismatch]:
    for name, settings in sorted(wanted.items()):
        there = deployed.get(name, {})
        differing = {key: said[-1] for key, said in settings.items() if there.get(key) not in said}
        if name not in deployed:
            row = ", ".join(map(sql, (name, name, settings["public"][-1])))
            insert = f"insert into storage.buckets (id, name, public) values ({row})"  # noqa: S608  a remedy
            yield Mismatch(
                f"bucket {name}",
                "it is not on live",
                "every bucket of the project",
                f"`supabase seed buckets --linked`, or `{insert}`",
            )
        elif differing:
            sides = (f"{key}: project {_say(v)}, live {_say(there.get(key))}" for key, v in differing.items())
            values = ", ".join(f"{key} = {sql(value)}" for key, value in differing.items())
            update = f"update storage.buckets set {values} where id = {sql(name)}"  # noqa: S608  a remedy
            yield Mismatch(
                f"bucket {name}",
                "; ".join(sides),
                "the settings that the project declares",
                f"`{update}`, or change the declaration",
            )


def _read_buckets(connection: Connection) -> dict[str, dict[str, Any]]:
    """Read what is set: a limit that nobody set is no declaration."""
    if not may_read(connection, "storage.buckets"):
        return {}
    rows = connection.execute(
        "select id, coalesce(public, false), file_size_limit, allowed_mime_types from storage.buckets"
    )
    return {
        name: {"public": public}
        | ({"file_size_limit": limit} if limit is not None else {})
        | ({"allowed_mime_types": sorted(types)} if types else {})
        for name, public, limit, types in rows
    }


def _configured(settings: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "public" in settings:
        found["public"] = bool(settings["public"])
    if settings.get("file_size_limit"):
        found["file_size_limit"] = in_bytes(settings["file_size_limit"])
    if settings.get("allowed_mime_types"):
        found["allowed_mime_types"] = sorted(settings["allowed_mime_types"])
    return found


def in_bytes(size: str | int) -> int:
    """Read a size as the CLI does: ``50MiB``, ``50MB`` and ``50M`` are all 50 times 1024 squared.

    Raises:
        ProbeError: it is none.

    """
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)(?:i?B)?\s*", str(size), re.IGNORECASE)
    if not match:
        raise ProbeError(f"config.toml: {size!r} is no size; write 50MiB")
    return int(float(match[1]) * UNITS[match[2].upper()])


def _say(value: object) -> str:
    return "not set" if value is None else ", ".join(value) if isinstance(value, list) else str(value).lower()
