"""The access matrix as a picture: tables by personas by commands, own rows and others', meant and seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, Template

from shipworthy.probes.postgres.access.model import OTHER, AccessMatrix, Cell

COLUMNS = ("select", "insert", "update", "delete")
FOLDED = {"upsert": "insert", "move": "update", "raise": "update"}
"""Commands without a column of their own, and where they show. TRUNCATE is nothing that the API offers."""
MARKS = {"nothing": "n", "denied": "", "raised": "t", "unclear": "u"}
NOT_TRIED, OPEN, DENIED, OWN_ROWS, OTHER_ROWS = "x", "f", "m", "o", "p"
LOUDEST = (OPEN, DENIED, OTHER_ROWS, OWN_ROWS, "u", "t", "n", "", NOT_TRIED)
"""What a square shows where several attempts fall into it: the first of these that one of them was."""
SMALL = 60
"""Up to so many relations every square says what was seen; beyond, those that were not simply denied."""
SHOWN = 4

Judge = Callable[[Cell], str]
"""Gives ``open`` for a cell that was reached and not meant to be, ``denied`` for the opposite."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One command of one persona on one relation: own rows and others'."""

    own: str
    other: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """One relation."""

    name: str
    pairs: tuple[Pair, ...]
    flagged: bool

    @property
    def schema(self) -> str:
        """The name up to and with its dot."""
        return self.name.partition(".")[0] + "."

    @property
    def short(self) -> str:
        """The name behind its schema."""
        return self.name.partition(".")[2]


def heatmap(matrix: AccessMatrix, people: Iterable[str], judge: Judge) -> str:
    """Draw the matrix as one HTML fragment that needs no other file and no script.

    Args:
        matrix: what was tried.
        people: the personas to show, by name, from left to right.
        judge: says which cells are findings.

    """
    shown = tuple(people)
    found: dict[str, dict[tuple[str, str, bool], list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in matrix.cells:
        command = FOLDED.get(cell.command, cell.command)
        if cell.persona in shown and command in COLUMNS:
            found[cell.relation][cell.persona, command, cell.scope == OTHER].append(cell)
    wordy = len(found) <= SMALL
    relations = [_line(relation, found[relation], shown, judge, wordy=wordy) for relation in sorted(found)]
    return _template().render(
        relations=relations,
        cells=len(matrix.cells),
        people=shown,
        commands=COLUMNS,
        flagged=[line.name for line in relations if line.flagged],
    )


def _line(
    relation: str,
    found: Mapping[tuple[str, str, bool], list[Cell]],
    people: Iterable[str],
    judge: Judge,
    *,
    wordy: bool,
) -> Line:
    pairs = []
    for person in people:
        for command in COLUMNS:
            own, other = (found.get((person, command, foreign), []) for foreign in (False, True))
            marks = [_loudest(cells, judge) for cells in (own, other)]
            silent = not wordy and set(marks) <= {"", NOT_TRIED}
            title = (
                "" if silent or not (own or other) else _title(f"{person}: {command} {relation}", own, other)
            )
            pairs.append(Pair(marks[0], marks[1], title))
    flagged = any({pair.own, pair.other} & {OPEN, DENIED} for pair in pairs)
    return Line(relation, tuple(pairs), flagged)


def _loudest(cells: Iterable[Cell], judge: Judge) -> str:
    marks = {_mark(cell, judge(cell)) for cell in cells}
    return next((mark for mark in LOUDEST if mark in marks), NOT_TRIED)


def _mark(cell: Cell, judged: str) -> str:
    if judged:
        return OPEN if judged == "open" else DENIED
    if cell.reached:
        return OTHER_ROWS if cell.scope == OTHER else OWN_ROWS
    return MARKS.get(cell.outcome, "u")


def _title(head: str, own: Iterable[Cell], other: Iterable[Cell]) -> str:
    lines = [head]
    for word, cells in (("own", own), ("other", other)):
        said = list(dict.fromkeys(_said(cell) for cell in cells))
        lines += [f"{word}: {text}" for text in said[:SHOWN]]
        lines += [f"{word}: … and {len(said) - SHOWN} more"] * (len(said) > SHOWN)
    return "\n".join(lines)


def _said(cell: Cell) -> str:
    folded = f"{cell.command}, " if cell.command in FOLDED else ""
    case = f"{cell.case}, " if cell.case else ""
    opened = f", where {cell.opened_by}" if cell.opened_by else ""
    rows = f" ({cell.rows} of {cell.of}{opened})" if cell.reached else ""
    return f"{folded}{case}{cell.saw}{rows}"


@cache
def _template() -> Template:
    pages = Environment(
        loader=PackageLoader("shipworthy.probes.postgres.access", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("heatmap.html")
