"""The page docs/engines.md, made from ``known.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tests.engines.known import Deviation, Known, Unseen

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
HEAD = """# Where a real engine leaves the contract

Made by `python -m tests.engines --page` from `tests/engines/known.toml`. `tox -e engines` serves a tiny
model of random weights with `transformers serve` on the CPU, runs the stage inference against it as a user
would, and compares: a finding that is not on this page fails, one that is no longer met is said.

Each entry was judged by the bytes: it is a deviation of the engine, and no false alarm of the check.
What is unusual and legal raised no finding: the role in a chunk of its own, chunks that bring several
tokens, usage beside the reason to end, U+FFFD where the model itself made bytes that are no character, a
first token without text because it is half a character, a kept connection that the engine ends.
"""


def page(known: Known) -> str:
    """Give the text of docs/engines.md."""
    return "\n".join(_lines(known)).rstrip() + "\n"


def _lines(known: Known) -> Iterator[str]:
    yield HEAD
    yield "- engine: `transformers serve`, " + ", ".join(f"{n} {v}" for n, v in known.versions.items())
    yield f"- asked for beyond chat: {', '.join(known.offers)}"
    yield f"- {_extent([entry for entry in known.deviation if entry.of == 'OpenAI'])}\n"
    yield "## Deviations from OpenAI's API"
    yield from _deviations([entry for entry in known.deviation if entry.of == "OpenAI"])
    yield "\n## What the gate asks for beyond it"
    yield from _deviations([entry for entry in known.deviation if entry.of != "OpenAI"])
    if known.unseen:
        yield "\n## What could not be judged\n"
        yield "| check | says | because |"
        yield "|---|---|---|"
        for unseen in sorted(known.unseen, key=_check):
            yield f"| `{unseen.check}` | {_cell(unseen.says)} | {_cell(unseen.why)} |"
    if known.unasked:
        yield "\n## Seen by hand, and looked for by no check\n"
        for unasked in known.unasked:
            yield f"- {unasked.what}\n  - on the wire: {_code(unasked.bytes)}"


def _extent(deviations: Sequence[Deviation]) -> str:
    places = sum(len(entry.subjects) for entry in deviations)
    checks = len({entry.check for entry in deviations})
    return f"{len(deviations)} deviations, shown by {places} findings of {checks} checks"


def _deviations(deviations: Sequence[Deviation]) -> Iterator[str]:
    for check, entries in groupby(sorted(deviations, key=_check), key=_check):
        yield f"\n### `{check}`\n"
        for entry in entries:
            yield f"- {entry.why}" + (f" (not in every run: {entry.sometimes})" if entry.sometimes else "")
            yield f"  - on the wire: {_code(entry.bytes)}"
            yield f"  - the finding says: {_code(entry.shows)}"
            yield f"  - about: {'; '.join(map(_code, entry.subjects))}"


def _check(entry: Deviation | Unseen) -> str:
    return entry.check


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return fence + space + text.replace("\n", " ") + space + fence


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
