"""Bytes become events with the moment of the piece that completed them, and broken answers become misses."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.probes.inference.meter.decoding import Heard, Lags, miss_of, read_stream, sample_of
from tests.inference.meter.conftest import ANSWER, HEAD, chunk

MS = 1_000_000
CHUNKED = HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")

GZIPPED = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")


def heard(*pieces: bytes, broken: str | None = None) -> Heard:
    """Pieces that came 10 ms apart, the first 10 ms after the request, which was sent 5 ms late."""
    timed = [((110 + 10 * n) * MS, piece) for n, piece in enumerate(pieces)]
    ended = (timed[-1][0] if timed else 100 * MS) + MS
    return Heard(timed, 90 * MS, 92 * MS, 100 * MS, 105 * MS, ended, broken)


def framed(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def judged(*pieces: bytes, broken: str | None = None):
    return sample_of(heard(*pieces, broken=broken), Lags([], []), 0, "kind", 1, 2)


def test_an_event_has_the_moment_of_the_piece_that_completed_it():
    first = chunk("one")
    told = judged(HEAD, first[:20], first[20:], chunk(" two"), chunk(" three"), chunk(finish_reason="stop"))
    assert told.miss is None
    assert told.first_token_s == 0.03
    assert told.gaps_s == (0.01, 0.01)
    assert (told.last_token_s, told.ended_s) == (0.05, 0.06)
    assert (told.label, told.endpoint, told.phase) == ("kind", 1, 2)


def test_times_count_from_the_intended_moment_not_from_the_sending():
    told = judged(HEAD + ANSWER)
    assert told.sent_s - told.intended_s == pytest.approx(0.005)
    assert told.first_token_s == 0.01
    assert told.connect_s == 0.002


def test_events_of_one_piece_have_no_gap_and_all_at_once_is_not_fast():
    told = judged(HEAD, ANSWER)
    assert told.gaps_s == (0.0,)
    assert told.tokens_per_second == pytest.approx(2 / 0.02)


def test_tokens_are_those_of_the_usage():
    usage = {"prompt_tokens": 1, "completion_tokens": 9, "total_tokens": 10}
    last = chunk(finish_reason="length", usage=usage)
    told = judged(HEAD, chunk("two tokens"), chunk("more"), last)
    assert told.tokens == 9
    assert told.tpot_s == pytest.approx(0.01 / 8)


@given(st.lists(st.integers(0, len(CHUNKED) + 2 * len(ANSWER)), max_size=12), st.integers(1, 60))
def test_where_an_answer_is_split_changes_no_text(cuts: list[int], size: int):
    parts = [ANSWER[at : at + size] for at in range(0, len(ANSWER), size)]
    raw = CHUNKED + framed(*parts) + b"0\r\n\r\n"
    bounds = sorted({0, *(min(cut, len(raw)) for cut in cuts), len(raw)})
    record = read_stream(heard(*(raw[a:b] for a, b in pairwise(bounds))))
    assert record.text == "one two"
    assert miss_of(record) is None


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ((b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\ngone",), "HTTP 500 'gone'"),
        ((b"HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n",), "HTTP 429"),
        ((HEAD, chunk("one")), "no finish_reason: the answer was cut off"),
        ((CHUNKED, framed(ANSWER)), "without sending complete message body"),
        ((HEAD, b"data: {nonsense\n\n"), "malformed event"),
        ((HEAD, chunk(finish_reason="stop")), "no text"),
        ((HEAD.replace(b"event-stream", b"plain"), ANSWER), "content type 'text/plain'"),
        ((GZIPPED, b"\x1f\x8b"), "content-encoding gzip"),
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), "no whole answer over HTTP/1.1"),
        ((HEAD[:30],), "no whole answer over HTTP/1.1"),
        ((), "the connection was closed before an answer"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_is_a_miss_and_has_no_times(pieces: tuple[bytes, ...], why: str):
    told = judged(*pieces)
    assert told.miss
    assert why in told.miss
    assert (told.first_token_s, told.tpot_s, told.gaps_s, told.tokens) == (None, None, (), 0)
    assert told.tokens_per_second == 0


def test_what_was_broken_off_is_a_miss_however_complete_it_looks():
    assert judged(HEAD, ANSWER, broken="not over after 1 s").miss == "not over after 1 s"
    assert judged(broken="no connection: refused").miss == "no connection: refused"


def test_informational_answers_are_passed_over():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    assert judged(early, HEAD, ANSWER).miss is None


def test_the_meters_own_lag_is_told_with_what_it_touched():
    lags = Lags([1.0, 1.1, 1.2, 1.3], [0.0, 0.05, 0.001, 0.2])
    assert lags.worst_s(1.05, 1.25) == 0.05
    assert lags.worst_s(1.12, 1.18) == 0.05
    assert lags.worst_s(1.16, 1.19) == 0.0
    assert lags.worst_s(1.4, 1.5) == 0.2
    assert lags.worst_s(0.1, 0.2) == 0.0
