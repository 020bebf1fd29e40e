"""report.html: the run in one file that needs no network, no script and no other file to be read."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup, escape

from shipworthy.evidence import wording
from shipworthy.evidence.record import Json, RunRecord
from shipworthy.ledger import Outcome

LARGEST_PICTURE = 300 * 1024
MOST_PICTURES = 8 * 1024 * 1024
"""Bytes of all inlined pictures together; what is beyond is linked, so that the file stays mailable."""

PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
    b"<svg ": "image/svg+xml",
}
FRAGMENT = "<!-- shipworthy: part of the report -->"
"""How an HTML file begins that the report shows as it is; the page's policy lets no script of it run."""
QUIET_EVENTS = frozenset({"check", "start", "started", "collected", "stage", "end"})

LEDGER_OWN = frozenset({"event", "time", "prev", "plan"})


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file that a check left: where it is, and its picture where it is one that fits."""

    path: str
    name: str
    picture: str | None = None
    """A ``data:`` address."""
    fragment: Markup | None = None
    """HTML of the gate's own making."""

    @property
    def link(self) -> str:
        """Its address relative to the report."""
        return quote(self.path)


def html(record: RunRecord) -> str:
    """Give the document."""
    script = _part("report.js")
    return _page().render(
        record=record,
        headline=wording.headline(record),
        marks=wording.MARKS,
        blocked=wording.blocked(record),
        withheld=record.with_outcome(Outcome.WITHHELD),
        waived=record.with_outcome(Outcome.WAIVED),
        flaky=sum(check.flaky for check in record.checks),
        artifacts=_artifacts(record),
        not_applicable=_not_applicable(record),
        facts=_facts(record),
        events=[event for event in record.events if event.get("event") not in QUIET_EVENTS],
        style=_part("report.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def bar(measure: Json) -> tuple[float, float] | None:
    """Give the lengths of a measure and of its limit in percent of the bar; None without a limit."""
    if wording.held(measure) is None or measure["value"] < 0 or measure["limit"] < 0:
        return None
    whole = max(measure["value"], measure["limit"] * 1.25) or 1
    return round(100 * measure["value"] / whole, 1), round(100 * measure["limit"] / whole, 1)


def prose(text: object) -> Markup:
    """Give text safe for the page, with what stands between backticks as code."""
    parts = re.split(r"`([^`\n]+)`", str(text))
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if odd % 2 else escape(part) for odd, part in enumerate(parts))


def breakable(name: object) -> Markup:
    """Give a long id that may wrap after its dots and underscores."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])(?=\w)", str(name)))


def _artifacts(record: RunRecord) -> dict[str, list[Artifact]]:
    left = MOST_PICTURES
    found: dict[str, list[Artifact]] = {}
    for check in record.checks:
        seen: set[str | None] = set()
        for path in check.last.get("evidence") or []:
            picture = _picture(record.folder, str(path), min(left, LARGEST_PICTURE))
            picture = None if picture in seen else picture  # one picture under two names is shown once
            seen.add(picture)
            left -= len(picture or "")
            fragment = _fragment(record.folder, str(path), left)
            left -= len(fragment or "")
            artifact = Artifact(str(path), PurePosixPath(path).name, picture, fragment)
            found.setdefault(check.id, []).append(artifact)
    return found


def _fragment(folder: Path, path: str, largest: int) -> Markup | None:
    content = _content(folder, path, largest) if path.endswith(".html") else b""
    text = content.decode("utf-8", errors="replace")
    return Markup(text) if text.startswith(FRAGMENT) else None  # noqa: S704  our own, and no script of it runs


def _content(folder: Path, path: str, largest: int) -> bytes:
    file = folder / path
    if ".." in file.parts or not file.is_file() or file.stat().st_size > largest:
        return b""
    return file.read_bytes()


def _picture(folder: Path, path: str, largest: int) -> str | None:
    content = _content(folder, path, largest)
    kind = next((kind for start, kind in PICTURES.items() if content.startswith(start)), None)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else None


def _not_applicable(record: RunRecord) -> list[tuple[str, str]]:
    reasons = record.plan.get("unmet") or {}
    return [(name, reasons.get(name, "")) for name in record.plan.get("not_applicable") or []]


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    """Give what is known of the machine and the tools: everything that the start event says."""
    start = next((event for event in record.events if event.get("event") == "start"), {})
    return [(name.replace("_", " "), _line(value)) for name, value in start.items() if name not in LEDGER_OWN]


def _line(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@cache
def _page() -> Template:
    pages = Environment(
        loader=PackageLoader("shipworthy.evidence"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    words = (wording.seconds, wording.figure, wording.clock, wording.tally, wording.limit, wording.held)
    pages.filters |= {word.__name__: word for word in (*words, bar, prose, breakable)}
    return pages.get_template("report.html")


def _part(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
