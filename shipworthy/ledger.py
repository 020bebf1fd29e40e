"""The ledger: the append-only record of what became of each check.

One JSON object a line; ``prev`` is the sha256 of the line before, so a line that is
changed or taken out shows. Only the controlling process writes; workers read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from shipworthy.errors import RunError


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    UNVERIFIED = "unverified"
    WAIVED = "waived"
    WITHHELD = "withheld"

    @property
    def blocks(self) -> bool:
        """Tell whether a check with this outcome keeps the version from shipping."""
        return self not in {Outcome.PASSED, Outcome.WAIVED}


def now() -> str:
    """Give the time as the ledger writes it: UTC, milliseconds."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ledger:
    """The one writer of a ledger file; every line is flushed to the system as it is written."""

    def __init__(self, path: Path) -> None:
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        self._previous = hashlib.sha256(whole.rpartition(b"\n")[2]).hexdigest() if whole else ""
        self._file = path.open("a", encoding="utf-8")
        self._file.truncate(len(whole) + 1 if whole else 0)  # a killed writer may leave half a line

    def append(self, event: str, **facts: Any) -> dict[str, Any]:
        """Add one event and give it as it was written."""
        entry = {"event": event, "time": now(), **facts, "prev": self._previous}
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        self._file.write(line + "\n")
        self._file.flush()
        self._previous = _sha256(line)
        return entry

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class LedgerReader:
    """Follows a ledger while it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def new_entries(self) -> Iterator[dict[str, Any]]:
        """Give the whole lines that were added since the last call."""
        if not self._path.exists() or self._path.stat().st_size == self._offset:
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                yield json.loads(line)


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """Read a ledger; a last line that was cut off by a kill is left out.

    Raises:
        RunError: the chain of lines is broken, so the ledger was changed after it was written.

    """
    if not path.exists():
        return []
    entries, previous = [], ""
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise RunError(f"{path}:{number} is no JSON: the ledger was damaged") from error
        if entry.get("prev") != previous:
            raise RunError(f"{path}:{number} does not follow the line before it: the ledger was changed")
        entries.append(entry)
        previous = _sha256(line)
    return entries


def digest_of(path: Path) -> str:
    """Give the sha256 of a file; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
