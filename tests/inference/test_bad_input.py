"""Whatever a server sends, asking it ends in bounded time and memory, and in a fact that names it.

The bounds are injected small; that each case comes to its end at all, in the way that is named, is the
proof that they hold. Memory is what Python allocated at the most while the answer was read.
"""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from fixtures.inference import Exchanges
from shipworthy.errors import ProbeError
from shipworthy.probes.http import CutOffError, Ending, bounded_client
from shipworthy.probes.inference import ChatEndpoint, StreamRecord, Trouble, ask, stream_chat
from shipworthy.probes.inference.calls import MOST_EVENTS
from shipworthy.probes.inference.sse import LONGEST_EVENT
from tests.inference.raw_servers import CHUNKED, STREAM, Answer, Peer, raw_server, self_signed

MIB = 1024 * 1024
LARGEST = MIB
MEMORY = 8 * MIB
"""The limit on the body is 1 MiB; what is kept of it, joined and decoded, is a few times as much."""
REQUEST = {"model": "m", "messages": []}
EVENT = b'data: {"choices": []}\n\n'

pytestmark = pytest.mark.timeout(60)


def plainly(url: str, **bounds: float) -> None:
    with bounded_client(may_write=False, base_url=url, **SMALL | bounds) as client:
        ask(client, "GET", "models")


def streamed(url: str, **bounds: float) -> StreamRecord:
    with bounded_client(may_write=False, base_url=url, **SMALL | bounds) as client:
        return stream_chat(client, REQUEST)


SMALL = {"answer_s": 0.6, "total_s": 1.2, "largest": LARGEST}


def peak_of(ask_it: Callable[[], object]) -> int:
    """The most bytes that were allocated at once."""
    tracemalloc.start()
    try:
        ask_it()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def sending(*parts: bytes) -> Answer:
    def answer(peer: Peer) -> None:
        for part in parts:
            peer.send(part)

    return answer


def then(*parts: bytes, do: Answer) -> Answer:
    def answer(peer: Peer) -> None:
        sending(*parts)(peer)
        do(peer)

    return answer


HEAD = STREAM + CHUNKED + b"\r\n"
NO_ANSWER: dict[str, tuple[Answer, str]] = {
    "accepts and never answers": (Peer.wait, r"no answer in time \(ReadTimeout\)"),
    "closes at once": (lambda _: None, "disconnected without sending a response"),
    "resets before the status": (Peer.reset, "connection was lost before the answer began"),
    "resets inside the head": (
        then(STREAM, do=Peer.reset),
        "connection was lost before the answer began|disconnected without",
    ),
    "closes inside the head": (sending(STREAM), "disconnected without sending a response"),
    "drips its head": (then(STREAM + b"X-Slow: ", do=lambda p: p.forever(b"x", 0.02)), "no answer in time"),
    "sends a head without end": (
        then(STREAM, do=lambda peer: peer.forever(b"X-Header: 1234567890\r\n" * 100)),
        r"no HTTP/1\.1 answer: Receive buffer too long",
    ),
    "says 100 Continue for ever": (
        lambda peer: peer.forever(b"HTTP/1.1 100 Continue\r\n\r\n"),
        "no answer in time",
    ),
    "speaks HTTP/2": (
        sending(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00\x03\x00\x00\x00\x80" * 3 + b"\r\n\r\n"),
        r"no HTTP/1\.1 answer: illegal status line",
    ),
    "speaks something else": (sending(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), r"no HTTP/1\.1 answer: .*SSH-2\.0"),
    "compresses in an unknown way": (
        sending(STREAM + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nxx"),
        "Content-Encoding 'br', which was not asked for",
    ),
}


@pytest.mark.parametrize("case", NO_ANSWER)
def test_an_answer_that_does_not_begin_is_named(case: str):
    answer, named = NO_ANSWER[case]
    with raw_server(answer) as url:
        for asked in (plainly, streamed):
            with pytest.raises(ProbeError, match=named):
                asked(url)


BOMB = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
ZEROS = BOMB.compress(b"\0" * 64 * MIB) + BOMB.flush()
CUT: dict[str, tuple[Answer, Ending, str]] = {
    "closes inside a chunk": (sending(HEAD, b"30\r\n", EVENT[:9]), Ending.CLOSED, "incomplete chunked read"),
    "closes between two events": (
        then(HEAD, do=lambda p: p.chunk(EVENT)),
        Ending.CLOSED,
        "incomplete chunked",
    ),
    "closes before its length": (
        sending(STREAM + b"Content-Length: 100\r\n\r\n" + EVENT),
        Ending.CLOSED,
        "received 23 bytes, expected 100",
    ),
    "falls silent": (
        then(HEAD, b"17\r\n" + EVENT, do=Peer.wait),
        Ending.SILENT,
        "fell silent after 23 bytes",
    ),
    "drips a byte at a time": (
        then(STREAM + b"\r\n", do=lambda peer: peer.forever(b"x", 0.02)),
        Ending.LATE,
        "still sending after its deadline",
    ),
    "sends events without end": (
        then(STREAM + b"\r\n", do=lambda peer: peer.forever(b": ping\n\n" * 1000)),
        Ending.TOO_LARGE,
        "more than 1048576 bytes",
    ),
    "sends a line without end": (
        then(STREAM + b"\r\n", do=lambda peer: peer.forever(b"x" * 65536)),
        Ending.TOO_LARGE,
        "more than 1048576 bytes",
    ),
    "sends a bomb": (
        sending(STREAM + b"Content-Encoding: gzip\r\n\r\n" + ZEROS),
        Ending.TOO_LARGE,
        "more than 1048576 bytes",
    ),
    "ends inside its compressed data": (
        sending(STREAM + b"Content-Encoding: gzip\r\n\r\n" + ZEROS[:300]),
        Ending.CLOSED,
        "ended inside its compressed data",
    ),
    "is not compressed as it says": (
        sending(STREAM + b"Content-Encoding: gzip\r\n\r\n" + EVENT),
        Ending.GARBLED,
        "not compressed as its head says",
    ),
    "breaks its chunked coding": (sending(HEAD, b"zz\r\n" + EVENT), Ending.GARBLED, "illegal chunk header"),
}


@pytest.mark.parametrize("case", CUT)
def test_a_stream_that_does_not_end_is_a_fact_with_its_reason(case: str):
    answer, ending, named = CUT[case]
    with raw_server(answer) as url:
        record = streamed(url)
    assert (record.status, record.ending) == (200, ending)
    assert named in (record.broken or "")
    assert record.incomplete == record.broken
    assert len(record.raw) <= 64 * 1024


@pytest.mark.parametrize("case", CUT)
def test_an_answer_that_does_not_end_could_not_be_looked_at(case: str):
    answer, ending, named = CUT[case]
    with raw_server(answer) as url, pytest.raises(CutOffError) as cut:
        plainly(url)
    assert cut.value.ending is ending
    assert named in str(cut.value)
    assert url in str(cut.value)


@pytest.mark.parametrize(
    "case", ["sends events without end", "sends a line without end", "sends a bomb", "drips a byte at a time"]
)
def test_what_has_no_end_takes_little_memory(case: str):
    def both(url: str) -> None:
        streamed(url)
        with pytest.raises(CutOffError):
            plainly(url)

    with raw_server(CUT[case][0]) as url:
        assert peak_of(lambda: both(url)) < MEMORY


@pytest.mark.parametrize("sent", [b"", EVENT, EVENT + b'data: {"cho', EVENT * 2])
def test_a_reset_is_told_from_an_end_wherever_it_happens(sent: bytes):
    def answer(peer: Peer) -> None:
        peer.send(STREAM + b"\r\n" + sent)
        peer.over.wait(0.1)  # else the reset overtakes what was sent, and nothing of it arrives
        peer.reset()

    with raw_server(answer) as url:
        record = streamed(url)
    assert record.ending is Ending.RESET
    assert f"after {len(sent)} bytes" in (record.broken or "")
    assert len(record.arrivals) == sent.count(b"\n\n")


def test_a_line_of_100_mb_is_given_up_at_the_longest_event():
    def answer(peer: Peer) -> None:
        peer.send(STREAM + b"\r\ndata: ")
        for _ in range(1600):
            peer.send(b"x" * 65536)

    with raw_server(answer) as url:
        records: list[StreamRecord] = []
        peak = peak_of(lambda: records.append(streamed(url, largest=200 * MIB, total_s=30)))
    (record,) = records
    assert record.ending is Ending.TOO_LARGE
    assert f"longer than {LONGEST_EVENT} bytes" in (record.broken or "")
    assert record.size < LONGEST_EVENT + MIB
    assert peak < 4 * LONGEST_EVENT


def test_events_without_end_are_given_up_at_the_most_events():
    with raw_server(then(STREAM + b"\r\n", do=lambda peer: peer.forever(b"data:\n\n" * 5000))) as url:
        record = streamed(url, largest=200 * MIB, total_s=30)
    assert record.ending is Ending.TOO_LARGE
    assert MOST_EVENTS < len(record.arrivals) < MOST_EVENTS + 100_000


def test_events_of_absurd_json_are_malformed_and_break_nothing():
    nested, number = b"[" * 100_000, b"9" * 4_000
    chunk = b'{"id":"a","object":"chat.completion.chunk","created":%b,"model":"m","choices":[]}' % number
    body = b"".join(b"data: " + data + b"\n\n" for data in (nested, b'{"error":' + nested, chunk, b"NaN"))
    with raw_server(sending(STREAM + b"\r\n" + body)) as url:
        record = streamed(url)
    assert [event.trouble for event in record.malformed] == [
        Trouble.JSON, Trouble.JSON, Trouble.SHAPE, Trouble.SHAPE,
    ]  # fmt: skip
    with raw_server(sending(STREAM + b"\r\n" + nested)) as url, client_of(url) as client:
        answer = ask(client, "GET", "models")
    with pytest.raises(ValueError, match="nested too deeply"):
        answer.json()


def client_of(url: str):
    return bounded_client(may_write=False, base_url=url, **SMALL)


def test_an_answer_in_http_1_0_is_read_and_its_version_kept():
    head = STREAM.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n"
    with raw_server(sending(head + EVENT + b"data: [DONE]\n\n")) as url:
        record = streamed(url)
    assert (record.http_version, record.ending, record.done_at) == ("HTTP/1.0", Ending.COMPLETE, (1,))


def test_an_endpoint_that_does_not_answer_is_asked_once_by_all_checks():
    asked: list[Peer] = []
    with raw_server(asked.append) as url:
        endpoint = ChatEndpoint("inference.instant", url, "m")
        exchanges = Exchanges((endpoint,))
        for _ in range(3):
            for ask_it in (exchanges.stream, exchanges.begun, exchanges.chunked, exchanges.completion):
                with pytest.raises(ProbeError, match="disconnected"):
                    ask_it(endpoint)
    assert len(asked) == 2, "once streamed, once in one piece"


def test_a_redirect_is_named_and_not_followed():
    asked = []
    with raw_server(lambda _: asked.append(1)) as elsewhere:
        head = f"HTTP/1.1 307 Elsewhere\r\nLocation: {elsewhere}/chat\r\nContent-Length: 0\r\n\r\n".encode()
        with raw_server(sending(head)) as url:
            record = streamed(url)
            with client_of(url) as client:
                answer = ask(client, "GET", "models")
    assert f"{elsewhere}/chat" in (record.incomplete or "")
    assert f"{elsewhere}/chat" in answer.excerpt
    assert not asked


def test_a_certificate_that_nobody_vouches_for_is_named(tmp_path):
    with raw_server(sending(HEAD), self_signed(tmp_path)) as url:
        for asked in (plainly, streamed):
            with pytest.raises(ProbeError, match="self-signed certificate"):
                asked(url)


def test_a_server_without_tls_is_named():
    said = sending(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with raw_server(said, listens=False) as url, pytest.raises(ProbeError, match="SSL"):
        plainly(url.replace("http:", "https:"))


def test_a_handshake_that_never_ends_is_ended():
    with raw_server(Peer.wait) as url, pytest.raises(ProbeError, match="no answer in time"):
        plainly(url.replace("http:", "https:"))
