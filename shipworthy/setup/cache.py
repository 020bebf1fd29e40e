"""The folder that keeps what was fetched, for all runs and checkouts of this user."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Give the folder: ``SHIPWORTHY_CACHE``, else ``shipworthy`` in ``XDG_CACHE_HOME`` or ``~/.cache``.

    Its place is the machine's, not the target's, so it is read here and not by the target loader.
    """
    chosen = os.environ.get("SHIPWORTHY_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache").resolve() / "shipworthy"
