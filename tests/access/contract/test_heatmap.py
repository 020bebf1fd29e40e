"""The heat map shows every relation, says what was seen and marks what was not meant."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from shipworthy.evidence.html import FRAGMENT
from shipworthy.probes.postgres.access.heatmap import heatmap
from shipworthy.probes.postgres.access.model import AccessMatrix, Cell

PEOPLE = ("anon", "member")


def cell(relation, *, persona="member", command="select", scope="own", outcome="reached", saw="1 row"):
    rows = int(outcome == "reached")
    return Cell(relation, "table", persona, command, scope, "", outcome, rows, 1, saw)


def drawn(*cells, judge=lambda _: ""):
    return heatmap(AccessMatrix(cells), PEOPLE, judge)


class Squares(HTMLParser):
    """Collects the classes of the squares, two a pair."""

    def __init__(self, page):
        super().__init__()
        self.classes, self.titles, self._in_table = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "tbody":
            self._in_table = True
        if tag == "td":
            self.titles.append(attributes.get("title") or "")
        if tag == "i" and self._in_table:
            self.classes.append(attributes.get("class") or "")

    def handle_endtag(self, tag):
        self._in_table = self._in_table and tag != "tbody"


def test_it_is_a_part_of_the_report_that_needs_nothing_else():
    page = drawn(cell("public.documents"))

    assert page.startswith(FRAGMENT)
    assert "<script" not in page
    assert not re.search(r"https?://|url\(", page)


def test_own_rows_stand_left_and_others_right():
    page = Squares(drawn(cell("public.plans"), cell("public.plans", scope="other", persona="anon")))

    assert page.classes[:2] == ["x", "p"]
    assert page.classes[8:10] == ["o", "x"]


@pytest.mark.parametrize(
    ("outcome", "mark"), [("nothing", "n"), ("denied", ""), ("raised", "t"), ("unclear", "u")]
)
def test_every_outcome_has_its_look(outcome, mark):
    assert mark in Squares(drawn(cell("public.documents", outcome=outcome))).classes


def test_findings_are_marked_and_their_relations_named():
    page = drawn(
        cell("public.documents", scope="other"),
        cell("public.plans", outcome="denied"),
        judge=lambda one: "open" if one.reached else "denied",
    )

    assert {"f", "m"} <= set(Squares(page).classes)
    assert "<b>2</b> with findings: public.documents, public.plans." in page


def test_a_square_says_what_was_seen_and_how_often():
    reached = cell("public.documents", saw="2 rows")
    moved = cell("public.documents", command="move", scope="other", outcome="denied", saw="42501 denied")

    titles = Squares(drawn(reached, moved)).titles

    assert "member: select public.documents\nown: 2 rows (1 of 1)" in titles
    assert "member: update public.documents\nother: move, 42501 denied" in titles


def test_names_that_are_no_markup_stay_text():
    page = drawn(cell('public."<script>alert(1)</script>"', saw='<b onclick="x">'))

    assert "<script>" not in page
    assert 'onclick="x"' not in page


def test_two_hundred_tables_stay_mailable():
    cells = [
        cell(f"public.table_{number}", persona=persona, command=command, scope=scope, outcome="denied")
        for number in range(200)
        for persona in ("anon", "anonymous", "stranger", "former", "member", "admin", "both")
        for command in ("select", "insert", "update", "delete")
        for scope in ("own", "other")
    ]

    assert (
        len(
            heatmap(
                AccessMatrix(tuple(cells)),
                ["anon", "anonymous", "stranger", "former", "member", "admin", "both"],
                lambda _: "",
            )
        )
        < 600_000
    )
