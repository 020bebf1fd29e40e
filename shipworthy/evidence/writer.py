"""What a check leaves behind: files of its own, measures and notes, all redacted on the way in."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shipworthy.evidence.redaction import Redactor

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure with its unit, the samples it rests on and the limit it is held against."""

    name: str
    value: float
    unit: str
    samples: int
    limit: float | None
    at_least: bool
    """The limit is a floor (a rate) instead of a ceiling (a duration)."""


@dataclass
class Evidence:
    """The evidence of one check: a folder that exists once something is written, measures, notes."""

    run_folder: Path
    stage: str
    check_id: str
    redactor: Redactor
    attempt: int = 1
    measures: list[Measure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)

    @property
    def folder(self) -> Path:
        """The check's own folder; a second attempt has one beside the first."""
        name = safe_name(self.check_id.removeprefix(f"{self.stage}."))
        again = f".attempt-{self.attempt}" if self.attempt > 1 else ""
        return self.run_folder / "stages" / safe_name(self.stage) / f"{name}{again}"

    @property
    def files(self) -> list[str]:
        """What lies in the folder now, as paths relative to the run folder."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.run_folder).as_posix() for path in found)

    def json(self, name: str, obj: Any) -> Path:
        """Keep a value as JSON; dataclasses and models are taken as they are."""
        text = json.dumps(self.redactor.redact_json(obj), indent=2, ensure_ascii=False)
        return self._write(name, ".json", text + "\n")

    def text(self, name: str, text: str) -> Path:
        """Keep a text; ``.txt`` is added where the name has no ending."""
        return self._write(name, Path(name).suffix or ".txt", self.redactor.redact(text))

    def path(self, name: str) -> Path:
        """Give a place for a file that something else writes (a picture, a trace, a tool's report).

        Every call gives another place. Text that a tool writes there is redacted when the run
        is sealed; a secret inside a binary file keeps the run from being sealed.
        """
        safe = safe_name(name)
        stem, suffix = Path(safe).stem, Path(safe).suffix
        number = 1
        while safe in self._taken:
            number += 1
            safe = f"{stem}-{number}{suffix}"
        self._taken.add(safe)
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / safe

    def measure(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        samples: int,
        limit: float | None = None,
        at_least: bool | None = None,
    ) -> None:
        """Report a figure.

        Args:
            name: what was measured, as in "TTFT p95".
            value: the figure, in ``unit``.
            unit: as in "ms", "s", "rows"; a unit that ends in "/s" is a rate.
            samples: how many observations the figure rests on.
            limit: what the target promises.
            at_least: the limit is a floor; by default so for rates only.

        Raises:
            ValueError: there are no samples, or the figure is not finite: no data is no figure.

        """
        if samples < 1 or not math.isfinite(value):
            raise ValueError(f"{name}: no figure: {value} {unit} of {samples} samples")
        floor = unit.endswith("/s") if at_least is None else at_least
        self.measures.append(Measure(name, float(value), unit, samples, limit, floor))

    def note(self, text: str) -> None:
        """Say something a reader of the report has to know, such as what stood in for what."""
        self.notes.append(self.redactor.redact(text))

    def record(self) -> dict[str, Any]:
        """Give what the ledger keeps: measures, notes, and the files that lie in the folder now."""
        return {
            "measures": [asdict(measure) for measure in self.measures],
            "notes": list(self.notes),
            "evidence": self.files,
        }

    def _write(self, name: str, suffix: str, text: str) -> Path:
        path = self.path(name if Path(name).suffix == suffix else f"{name}{suffix}")
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return path


def safe_name(name: str) -> str:
    """Give a file name without separators, leading dots or blanks; equal names stay equal, others differ."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")
    if safe and safe == name and len(safe) <= LONGEST_NAME:
        return safe
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:6]
    path = Path(safe[-LONGEST_NAME:].strip(".-") or "unnamed")
    return f"{path.stem}-{digest}{path.suffix}"
