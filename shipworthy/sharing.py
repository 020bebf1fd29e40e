"""Making a thing once a run, for all of its processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock


@dataclass(frozen=True, slots=True)
class Shared:
    """``shared(name, make)`` gives what ``make`` described, whichever process came first.

    The description is JSON. What failed to be made is tried again by the next that asks.
    """

    workspace: Path

    def __call__(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Give the description of the thing, made now where it was not made before."""
        made = self.workspace / f"{name}.json"
        with FileLock(self.workspace / f"{name}.lock"):
            if not made.exists():
                made.write_text(json.dumps(make()), encoding="utf-8")
        description: dict[str, Any] = json.loads(made.read_text(encoding="utf-8"))
        return description
