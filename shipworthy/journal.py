"""The journal: what a run makes outside its own folder, noted before it is made.

One file an entry, removed once the thing is really gone. What is left, also after a
kill, is what `shipworthy sweep` removes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN_ENTRY = "run"
"""The kind of entry that a run makes for itself: whose process it is, where its workspace is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that exists, or is about to."""

    path: Path
    kind: str
    data: dict[str, Any]

    def done(self) -> None:
        """Say that the thing is gone."""
        self.path.unlink(missing_ok=True)


class Journal:
    """The entries of one run; safe to write from several processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, kind: str, **data: Any) -> Entry:
        """Note a thing before it is made; ``data`` is what its remover needs to find it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{uuid.uuid4().hex}.json"
        path.with_suffix(".new").write_text(json.dumps({"kind": kind, **data}), encoding="utf-8")
        path.with_suffix(".new").rename(path)
        return Entry(path, kind, data)

    def entries(self) -> Iterator[Entry]:
        """Give what is left, newest first: what was made last may rest on what was made before."""
        for path in sorted(self.folder.glob("*.json"), key=lambda p: p.stat().st_mtime_ns, reverse=True):
            data = json.loads(path.read_text(encoding="utf-8"))
            yield Entry(path, data.pop("kind"), data)
