"""The page docs/engines.md, made from ``known.toml``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.engines.known import Deviation, Known

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
HEAD = """# Where a real engine leaves the contract

Made by `python -m tests.engines --page` from `tests/engines/known.toml`. `tox -e engines` serves a tiny
model of random weights with `transformers serve` on the CPU, runs the stage inference against it as a user
would, and compares: a finding that is not on this page fails, one that is no longer found is said.

Each entry was judged by the bytes: it is a deviation of the engine from OpenAI's API, and not a false
alarm of the check. What is legal though unusual (the role in a chunk of its own, fields that are left
out where they are null, U+FFFD where the model itself made bytes that are no character) raised no finding.
"""


def page(known: Known) -> str:
    """Give the text of docs/engines.md."""
    return "\n".join(_lines(known)).rstrip() + "\n"


def _lines(known: Known) -> Iterator[str]:
    yield HEAD
    yield "- engine: `transformers serve`, " + ", ".join(f"{n} {v}" for n, v in known.versions.items())
    yield f"- asked for beyond chat: {', '.join(known.offers)}"
    checks = len({entry.check for entry in known.deviation})
    yield f"- {len(known.deviation)} deviations, found by {checks} checks\n"
    yield "## Deviations"
    for check, entries in groupby(sorted(known.deviation, key=_place), key=lambda entry: entry.check):
        yield f"\n### `{check}`\n"
        for entry in entries:
            yield from _deviation(entry)
    if known.unseen:
        yield "\n## What could not be judged\n"
        yield "| check | says | because |"
        yield "|---|---|---|"
        for unseen in sorted(known.unseen, key=_place):
            yield f"| `{unseen.check}` | {_cell(unseen.says)} | {_cell(unseen.why)} |"


def _place(entry: object) -> str:
    return str(getattr(entry, "check", ""))


def _deviation(entry: Deviation) -> Iterator[str]:
    yield f"- {_code(entry.subject)}: {entry.why}"
    yield f"  - the finding says: {_code(entry.shows)}"
    yield f"  - on the wire: {_code(entry.bytes)}"


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return fence + space + text.replace("\n", " ") + space + fence


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
