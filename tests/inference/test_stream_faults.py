"""Each fault of a stream shows in the facts that the checks judge, with its bytes; no legal form does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.reference.services.inference.faults import stream, stream_bytes
from fixtures.reference.services.inference.forms import FORMS
from shipworthy.probes.http import Ending
from shipworthy.probes.inference import ChatEndpoint, StreamRecord, Trouble, chat, stream_chat

PROMPT = "Ships → 🗼 at Łódź?"
TOKENS = 16
MARKS: dict[str, Callable[[StreamRecord], bool]] = {
    "missing_done": lambda r: r.done_at == () and r.incomplete is None,
    "early_done": lambda r: r.done_at == (7,) and bool(r.arrivals[8].event.wire),
    "data_after_done": lambda r: r.arrivals[-1].event.wire == b'data: {"trailing": true}\n\n',
    "clean_truncation": lambda r: r.ending is Ending.COMPLETE and "cut off" in (r.incomplete or ""),
    "aborted_stream": lambda r: r.ending is Ending.CLOSED and r.rest.startswith(b'data: {"id":"chatcmpl-'),
    "half_event": lambda r: r.rest == b"data: [DONE]\n",
    "error_in_stream": lambda r: trouble(r) == (Trouble.ERROR, "CUDA out of memory"),
    "error_under_200": lambda r: r.error_body == "CUDA out of memory" and r.status == 200,
    "malformed_event": lambda r: trouble(r)[0] is Trouble.JSON,
    "half_a_surrogate_pair": lambda r: (
        trouble(r)[0] is Trouble.JSON and rb"\ud83d" in r.malformed[0].event.wire
    ),
    "invalid_utf8": lambda r: trouble(r)[0] is Trouble.ENCODING and "b'\\xe2\\x86'" in trouble(r)[1],
    "plain_stream": lambda r: r.content_type == "text/plain",
    "compressed_stream": lambda r: r.coding == "gzip" and r.incomplete is None,
    "changing_ids": lambda r: len({chunk.id for chunk in r.chunks}) == len(r.chunks),
    "changing_model": lambda r: {chunk.model for chunk in r.chunks} == {"instant-1", "instant-0"},
    "changing_created": lambda r: len({chunk.created for chunk in r.chunks}) == len(r.chunks),
    "missing_role": lambda r: not any(c.delta.role for chunk in r.chunks for c in chunk.choices),
    "ends_twice": lambda r: r.finish_reasons == ("length", "length"),
    "no_finish_reason": lambda r: r.finish_reasons == (),
    "wrong_finish_reason": lambda r: r.finish_reasons == ("stop",),
    "unknown_finish_reason": lambda r: trouble(r)[0] is Trouble.SHAPE and "finish_reason" in trouble(r)[1],
    "empty_chunks": lambda r: [chunk.is_empty for chunk in r.chunks].count(True) == 1 + 6,
    "splits_characters": lambda r: "\ufffd" in r.text and "→" not in r.text,
    "missing_stream_usage": lambda r: r.usage is None,
    "usage_twice": lambda r: [c.usage is not None for c in r.chunks].count(True) == 2,
    "usage_doubled": lambda r: bool(r.usage and r.usage.completion_tokens == 2 * TOKENS),
    "usage_in_every_chunk": lambda r: all(chunk.usage for chunk in r.chunks),
}
OF_THE_TEXT = {"drops_a_chunk", "doubles_a_chunk", "swaps_two_chunks"}
OF_THE_CLOCK = {"buffered_stream"}


def trouble(record: StreamRecord) -> tuple[Trouble, str]:
    """The first event that is no chunk."""
    first = record.malformed[0]
    assert first.event.wire == record.raw[first.event.offset :][: len(first.event.wire)]
    assert first.at in first.event.wire
    assert repr(first.at)[2:-1] in first.excerpt, "the excerpt shows the bytes that are wrong"
    return first.trouble, first.problem


def streamed(endpoint: ChatEndpoint) -> StreamRecord:
    usage = {"include_usage": True}
    with endpoint.client() as client:
        return stream_chat(client, endpoint.request(PROMPT, max_tokens=TOKENS, stream_options=usage))


def whole_text(endpoint: ChatEndpoint) -> str:
    with endpoint.client() as client:
        return chat(client, endpoint.request(PROMPT, max_tokens=TOKENS)).completion.choices[0].message.text


def test_a_healthy_stream_shows_no_fault(start):
    endpoint = start()
    record = streamed(endpoint)
    assert record.text == whole_text(endpoint)
    assert (record.incomplete, record.rest, record.ending) == (None, b"", Ending.COMPLETE)
    assert b"".join(arrival.event.wire for arrival in record.arrivals) == record.raw
    assert [fault for fault, shows in MARKS.items() if fault not in NEED_TROUBLE and shows(record)] == []


NEED_TROUBLE = {
    "malformed_event", "half_a_surrogate_pair", "invalid_utf8", "unknown_finish_reason", "error_in_stream",
}  # fmt: skip
"""Faults whose mark is that some event is no chunk; a healthy stream has none."""


@pytest.mark.parametrize("fault", sorted(MARKS))
def test_a_fault_shows(start, fault: str):
    assert MARKS[fault](streamed(start(fault)))


@pytest.mark.parametrize("fault", sorted(OF_THE_TEXT))
def test_a_lost_doubled_or_moved_chunk_changes_the_text(start, fault: str):
    endpoint = start(fault)
    assert streamed(endpoint).text != whole_text(endpoint)


def test_a_stream_that_is_held_back_arrives_in_one_piece(start):
    def moments(endpoint: ChatEndpoint) -> int:
        return len({arrival.at_s for arrival in streamed(endpoint).arrivals})

    assert moments(start("buffered_stream", gap_ms=5)) < moments(start(gap_ms=5))


def test_every_fault_of_a_stream_is_looked_at():
    assert set(MARKS) | OF_THE_TEXT | OF_THE_CLOCK == set(stream.FAULTS) | set(stream_bytes.FAULTS)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_legal_form_is_read_like_the_usual_one(start, form: str):
    endpoint, usual = start(form=form), streamed(start())
    record = streamed(endpoint)
    assert record.incomplete is None
    assert (record.malformed, record.rest.strip(), record.broken) == ((), b"", None)
    assert record.spoken == whole_text(endpoint)
    assert (record.finish_reasons, record.usage) == (usual.finish_reasons, usual.usage)
    assert record.done_at == (len(record.arrivals) - 1,)
    assert record.spoken == usual.text
