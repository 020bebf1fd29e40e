"""Each planted fault shows in the facts that the checks judge, and in no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from fixtures.reference.faults import all_faults
from fixtures.reference.services.gateway.faults import FAULTS as GATEWAY_FAULTS
from fixtures.reference.services.inference.faults import FAULTS
from fixtures.reference.services.inference.faults.pacing import FAULTS as PACING_FAULTS
from fixtures.reference.services.inference.faults.regression import FAULTS as REGRESSION_FAULTS
from shipworthy.probes.inference import (
    ChatCompletion,
    ChatEndpoint,
    StreamRecord,
    ask,
    chat,
    stream_chat,
)

TIMED = {*PACING_FAULTS, *REGRESSION_FAULTS, "buffered_stream"}


def marks(endpoint: ChatEndpoint) -> Iterator[str]:
    """Name what is wrong with an endpoint, as far as it shows without a clock."""
    usage = {"include_usage": True}
    with endpoint.client() as client:
        plain = chat(client, endpoint.request("Ships?", max_tokens=4)).completion
        stopped = chat(client, endpoint.request("Ships?", max_tokens=9, stop="Ships")).completion
        stream = stream_chat(client, endpoint.request("Ships?", max_tokens=4, stream_options=usage))
        models = ask(client, "GET", "models").model_list
    assert isinstance(plain, ChatCompletion)
    assert stream.incomplete is None
    yield from _marks_of_stream(stream)
    yield from _marks_of_refusals(endpoint)
    limited = plain.usage.completion_tokens <= 4 and plain.choices[0].finish_reason == "length"
    if limited and stream.text != plain.choices[0].message.content:
        yield "drops_a_chunk"
    if not limited:
        yield "ignores_max_tokens"
    if "Ships" in stopped.choices[0].message.content:
        yield "ignores_stop"
    if plain.usage.total_tokens != plain.usage.prompt_tokens + plain.usage.completion_tokens:
        yield "usage_wrong"
    if plain.model != endpoint.model:
        yield "another_model"
    if [model.id for model in models.data] != [endpoint.model]:
        yield "old_model_listed"


def _marks_of_refusals(endpoint: ChatEndpoint) -> Iterator[str]:
    with endpoint.client() as client:
        foreign = chat(client, endpoint.request("Ships?", max_tokens=4) | {"model": "none"})
        malformed = chat(client, {"model": endpoint.model})
    with endpoint.client(key="") as client:
        stranger = ask(client, "GET", "models")
    if foreign.status == 200:
        yield "any_model"
    if malformed.status != 400:
        yield "unprocessable"
    if stranger.status == 200:
        yield "no_auth"
    if isinstance(malformed.error, ValidationError):
        yield "error_shape"


def _marks_of_stream(stream: StreamRecord) -> Iterator[str]:
    choices = [choice for chunk in stream.chunks for choice in chunk.choices]
    if stream.content_type.partition(";")[0] != "text/event-stream":
        yield "plain_stream"
    if stream.done_at != (len(stream.arrivals) - 1,):
        yield "missing_done"
    if len({chunk.id for chunk in stream.chunks}) != 1:
        yield "changing_ids"
    if choices[0].delta.role is None:
        yield "missing_role"
    if len(stream.finish_reasons) != 1:
        yield "ends_twice"
    if stream.usage is None:
        yield "missing_stream_usage"


def test_a_healthy_endpoint_shows_no_fault(start):
    assert list(marks(start())) == []


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - TIMED))
def test_a_fault_shows_and_nothing_else_does(start, fault: str):
    assert list(marks(start(fault))) == [fault]


def test_a_stream_that_is_held_back_arrives_in_one_piece(start):
    def moments(endpoint: ChatEndpoint) -> int:
        with endpoint.client() as client:
            record = stream_chat(client, endpoint.request("Ships?", max_tokens=20))
        return len({arrival.at_s for arrival in record.arrivals})

    assert moments(start("buffered_stream", gap_ms=5)) < moments(start(gap_ms=5))


@pytest.mark.parametrize(
    ("services", "switches"), [({"instant", "thinking"}, FAULTS), ({"gateway"}, GATEWAY_FAULTS)]
)
def test_every_switch_is_planted_and_every_planted_switch_exists(services: set[str], switches: dict):
    planted = [
        variables["FAULT"]
        for fault in all_faults().values()
        for service, variables in fault.switches.items()
        if service in services and "FAULT" in variables
    ]
    assert sorted(planted) == sorted(switches)
