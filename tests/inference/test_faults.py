"""Each planted fault shows in the facts that the checks judge, and in no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from fixtures.reference.faults import all_faults
from fixtures.reference.services.gateway.faults import FAULTS as GATEWAY_FAULTS
from fixtures.reference.services.inference.faults import FAULTS
from shipworthy.probes.inference import (
    ChatCompletion,
    ChatEndpoint,
    ask,
    chat,
    stream_chat,
)

MARKED = {
    "another_model", "any_model", "error_shape", "ignores_max_tokens", "ignores_stop", "no_auth",
    "old_model_listed", "unprocessable", "usage_wrong",
}  # fmt: skip
"""The faults that show without a clock in what is asked here; tests/faults holds all to their checks."""


def marks(endpoint: ChatEndpoint) -> Iterator[str]:
    """Name what is wrong with an endpoint, as far as it shows without a clock."""
    with endpoint.client() as client:
        plain = chat(client, endpoint.request("Ships?", max_tokens=4)).completion
        stopped = chat(client, endpoint.request("Ships?", max_tokens=9, stop="Ships")).completion
        streamed = stream_chat(client, endpoint.request("Ships?", max_tokens=4))
        models = ask(client, "GET", "models").model_list
    assert isinstance(plain, ChatCompletion)
    assert streamed.incomplete is None
    yield from _marks_of_refusals(endpoint)
    limited = plain.usage.completion_tokens <= 4 and plain.choices[0].finish_reason == "length"
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


def test_a_healthy_endpoint_shows_no_fault(start):
    assert list(marks(start())) == []


@pytest.mark.parametrize("fault", sorted(MARKED))
def test_a_fault_shows_and_nothing_else_does(start, fault: str):
    assert list(marks(start(fault))) == [fault]


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
