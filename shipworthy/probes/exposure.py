"""Finding values that must stay on servers in variables that are shipped to browsers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from shipworthy.probes.jwt import read_key

SHORTEST_PART = 12
"""A secret of at least this many characters is found inside a longer value too."""
NOT_THE_PROJECTS = {
    "node_modules",
    ".git",
    ".venv",
    "venv",
    ".tox",
    "__pycache__",
    "dist",
    "build",
    "reports",
}
VENDOR_SECRET = re.compile(
    r"^(sk-(proj-|ant-)?|sk_live_|rk_live_|ghp_|github_pat_|xox[bp]-)[A-Za-z0-9_-]{16,}$"
)


@dataclass(frozen=True, slots=True)
class Exposure:
    """A variable with a public name whose value is not for the public."""

    variable: str
    what: str
    """What the value is: ``the value of supabase.service_role_key``."""


def exposed_in(
    variables: Mapping[str, str], public_prefixes: Iterable[str], secrets: Mapping[str, str]
) -> Iterator[Exposure]:
    """Find the public variables that carry one of the named secrets, or something secret by its form.

    Args:
        variables: name to value.
        public_prefixes: names that begin with one of these are public.
        secrets: what each known secret is called, to its value.

    """
    prefixes = tuple(public_prefixes)
    for name, value in variables.items():
        if name.startswith(prefixes):
            what = _what_it_is(value.strip(), secrets)
            if what:
                yield Exposure(name, what)


def env_files(folder: Path, *, depth: int = 3) -> Iterator[Path]:
    """List a project's ``.env`` files, some folders deep; examples and templates are left out."""
    for place, folders, files in os.walk(folder):
        below = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(f for f in folders if below < depth and f not in NOT_THE_PROJECTS)
        for name in sorted(files):
            is_env = name == ".env" or name.startswith(".env.")
            if is_env and not name.endswith((".example", ".sample", ".template", ".dist")):
                yield Path(place) / name


def read_env_file(path: Path) -> dict[str, str]:
    """Read one ``.env`` file as it stands, without resolving references."""
    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value}


def _what_it_is(value: str, secrets: Mapping[str, str]) -> str | None:
    for called, secret in secrets.items():
        if value == secret or (len(secret) >= SHORTEST_PART and secret in value):
            return f"the value of {called}"
    if read_key(value).role == "service_role":
        return "a Supabase service role key"
    if value.startswith(("postgres://", "postgresql://")) and urlsplit(value).password:
        return "a database DSN with its password"
    if VENDOR_SECRET.match(value):
        return "a vendor's secret key"
    return None
