"""The event stream parser against the specification."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.probes.inference.sse import EventTooLongError, SseParser

STREAM = (
    "\ufeff: a comment first\r\ndata: one\r\n\r\n"
    "data:no space\n\n"
    "data: two\rdata: lines\r\r"
    'event: ping\nid: 7\ndata: {"text": "naïve → 🚢"}\n\n'
    ":\n\n"
    "retry: 10\nunknown: field\ndata\n\n"
    "data:  one space is dropped, one is kept\n\n"
    "data: never finished"
).encode()
EVENTS = [
    ("message", "", "one"),
    ("message", "", "no space"),
    ("message", "", "two\nlines"),
    ("ping", "7", '{"text": "naïve → 🚢"}'),
    ("message", "7", ""),
    ("message", "7", " one space is dropped, one is kept"),
]


def parsed(*pieces: bytes) -> list[tuple[str, str, str]]:
    parser = SseParser()
    return [(event.name, event.id, event.data) for piece in pieces for event in parser.feed(piece)]


def test_every_legal_form_is_understood():
    assert parsed(STREAM) == EVENTS


def test_a_stream_may_come_byte_by_byte():
    assert parsed(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_where_a_stream_is_split_makes_no_difference(cuts: list[int]):
    bounds = [0, *sorted(cuts), len(STREAM)]
    assert parsed(*(STREAM[a:b] for a, b in pairwise(bounds))) == EVENTS


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), min_size=1)),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_what_is_sent_is_what_is_read(texts: list[str], end: str):
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    assert [data for _, _, data in parsed(stream)] == texts


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(noise: bytes):
    parsed(noise)


def test_an_event_that_is_not_finished_is_not_given_but_kept():
    parser = SseParser()
    assert not list(parser.feed(b"data: half"))
    assert parser.pending == b"data: half"


def feed(parser: SseParser, piece: bytes) -> None:
    for _ in range(100):
        list(parser.feed(piece))


def test_a_line_without_end_is_refused():
    with pytest.raises(EventTooLongError, match="1000"):
        feed(SseParser(longest=1000), b"x" * 100)


def test_an_event_of_endless_lines_is_refused():
    with pytest.raises(EventTooLongError):
        feed(SseParser(longest=1000), b"data: another line\n")


def test_bytes_that_are_no_text_are_kept_as_they_came():
    (event,) = SseParser().feed(b"data: \xff\n\n")
    assert event.data == "\ufffd"
    assert event.raw == b"\xff"


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_every_event_keeps_its_bytes_and_its_place(cuts: list[int]):
    bounds = [0, *sorted(cuts), len(STREAM)]
    parser = SseParser()
    events = [event for a, b in pairwise(bounds) for event in parser.feed(STREAM[a:b])]
    assert [event.data for event in events] == [data for _, _, data in EVENTS]
    for event in events:
        assert STREAM[event.offset :].startswith(event.wire)
    assert events[0].wire.startswith(b"\xef\xbb\xbf: a comment first")
    assert events[3].wire == 'event: ping\nid: 7\ndata: {"text": "naïve → 🚢"}\n\n'.encode()
    assert parser.pending == b"data: never finished"


def test_an_excerpt_shows_the_bytes_that_matter_and_their_place():
    stream = b"data: first\n\ndata: " + b"x" * 500 + b"WRONG" + b"y" * 500 + b"\n\n"
    _, event = SseParser().feed(stream)
    place, shown = event.excerpt(b"absent", b"WRONG").removeprefix("at byte ").split(" ", 1)
    assert "WRONG" in shown
    assert stream[int(place) :].startswith(shown.encode()[2:-1])
    assert event.excerpt().startswith("at byte 13 b'data: xxx")


def test_an_endless_comment_is_refused_and_many_pings_are_not():
    feed(SseParser(longest=1000), b": ping\n\n" * 5)
    with pytest.raises(EventTooLongError):
        feed(SseParser(longest=1000), b": no empty line\n")
