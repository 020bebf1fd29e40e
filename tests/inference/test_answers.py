"""What the probes read in answers, and what the reference endpoint says beyond plain words."""

from __future__ import annotations

import base64
import json
import random
import struct

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from tokenizers import Tokenizer

from fixtures.reference.services.api_errors import ApiError
from fixtures.reference.services.inference.model import SENTENCES, answer_to, tokenize
from fixtures.reference.services.inference.probabilities import likelihood
from fixtures.reference.services.inference.schema import fitting
from fixtures.reference.services.inference.wire import ChatRequest
from fixtures.reference.settings import TOKENIZER
from shipworthy.errors import ProbeError
from shipworthy.probes.inference import (
    OFFICIAL_CALLS,
    ChatCompletion,
    ChatEndpoint,
    EmbeddingList,
    chat,
    joined,
    nearness,
    official_problem,
    press,
    read,
    spending_cap,
    typed_problem,
)
from shipworthy.probes.inference.logprobs import ChoiceLogprobs, TokenLogprob
from shipworthy.probes.inference.tool_calls import ToolCallPart
from tests.inference.conftest import KEY

SCHEMA = {
    "$defs": {"leg": {"type": "object", "properties": {"to": {"$ref": "#/$defs/port"}}, "required": ["to"]},
              "port": {"enum": ["a", "b"]}},
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 12, "maxLength": 14},
        "count": {"type": "integer", "exclusiveMinimum": 4, "maximum": 6},
        "share": {"type": "number", "minimum": 0.2, "maximum": 0.4},
        "legs": {"type": "array", "items": {"$ref": "#/$defs/leg"}, "minItems": 3},
        "kind": {"const": "ship"},
        "note": {"type": ["null", "string"]},
        "either": {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
    },
    "required": ["name", "count", "share", "legs", "kind", "note", "either"],
    "additionalProperties": False,
}  # fmt: skip


def request(text: str = "Ships?", **options: object) -> ChatRequest:
    return ChatRequest.model_validate(
        {"model": "instant-1", "messages": [{"role": "user", "content": text}], "temperature": 0, **options}
    )


@pytest.mark.parametrize("seed", range(8))
def test_what_is_made_for_a_schema_fits_it(seed: int):
    Draft202012Validator(SCHEMA).validate(fitting(SCHEMA, random.Random(seed)))


def test_a_schema_without_an_end_is_refused():
    endless = {"$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}}}
    with pytest.raises(ApiError) as refused:
        fitting({**endless, "$ref": "#/$defs/a"}, random.Random(0))
    assert refused.value.status == 400


def test_the_shipped_tokenizer_counts_as_the_reference_does():
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    for text in (*SENTENCES, 'a\n\n b  c_d e1234567890 {"a": 1}  ', "→→ é 灯台"):
        assert len(tokenizer.encode(text, add_special_tokens=False).ids) == len(tokenize(text))


def test_a_tool_that_is_chosen_and_not_there_is_refused():
    chosen = {"type": "function", "function": {"name": "absent"}}
    with pytest.raises(ApiError) as refused:
        answer_to(request(tool_choice=chosen), 4096)
    assert refused.value.status == 400


def test_several_answers_differ_by_seed_and_not_at_temperature_0():
    def texts(**options: object) -> set[str]:
        return {answer_to(request(n=3, **options), 4096, variant=n).text for n in range(3)}

    assert len(texts()) == 1
    assert len(texts(temperature=1, seed=4)) == 3
    assert texts(temperature=1, seed=4) == texts(temperature=1, seed=4)


def test_likelihoods_of_the_reference_are_probabilities():
    for place, token in enumerate(tokenize(" ".join(SENTENCES))):
        told = TokenLogprob.model_validate(likelihood(token, place, 5))
        assert told.logprob < 0
        assert told.total <= 1
        assert told.among_top


def test_tokens_that_are_half_a_character_join_by_their_bytes():
    halves = [{"token": "\ufffd", "logprob": -1.0, "bytes": [b], "top_logprobs": []} for b in "é".encode()]
    assert ChoiceLogprobs.model_validate({"content": halves}).text == "é"


def test_fragments_of_calls_join_by_their_index():
    parts = [
        {"index": 1, "id": "two", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 0, "id": "one", "type": "function", "function": {"name": "f", "arguments": '{"a"'}},
        {"index": 1, "function": {"arguments": "{}"}},
        {"index": 0, "function": {"arguments": ": 1}"}},
    ]
    first, second = joined(ToolCallPart.model_validate(part) for part in parts)
    assert (first.id, first.name, first.arguments, first.fragments) == ("one", "f", '{"a": 1}', 2)
    assert (second.id, second.name, second.arguments, second.fragments) == ("two", "g", "{}", 1)


def vectors(*shown: object) -> EmbeddingList | ValidationError:
    data = [{"object": "embedding", "index": n, "embedding": each} for n, each in enumerate(shown)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return read(
        EmbeddingList,
        json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode(),
    )


def test_vectors_are_read_in_either_encoding():
    packed = base64.b64encode(struct.pack("<3f", 1, 2, 2)).decode()
    found = vectors([1, 2.0, 2], packed)
    assert isinstance(found, EmbeddingList)
    assert found.data[0].vector == found.data[1].vector == (1, 2, 2)
    assert nearness(found.data[0].vector, found.data[1].vector) == pytest.approx(1)


@pytest.mark.parametrize("shown", [[float("nan")], [float("inf")], ["1"], 7, None])
def test_vectors_of_no_numbers_are_none(shown: object):
    assert isinstance(vectors(shown), ValidationError)


@pytest.mark.parametrize("packed", ["no base64!", base64.b64encode(b"12345").decode()])
def test_bytes_that_are_no_floats_are_said_to_be_none(packed: str):
    found = vectors(packed)
    assert isinstance(found, EmbeddingList)
    with pytest.raises(ValueError, match=r"base64|floats|alphabet|padding"):
        _ = found.data[0].vector


@pytest.mark.parametrize("call", OFFICIAL_CALLS)
def test_the_official_client_reads_the_reference(start, call: str):
    assert official_problem(start(), call) is None


def test_the_official_client_says_what_it_cannot_read(start):
    endpoint = start("no_auth")
    lost = ChatEndpoint(endpoint.name, "http://127.0.0.1:9/v1", endpoint.model, KEY)
    assert "APIConnectionError" in official_problem(lost, "chat.completions.create")
    unknown = ChatEndpoint(endpoint.name, endpoint.url, "none", KEY)
    assert "404" in official_problem(unknown, "chat.completions.create(stream=True)")


def test_official_types_object_to_what_ours_let_through(start):
    answers = {}
    for fault in (None, "details_in_words"):
        endpoint = start(fault)
        with endpoint.client() as client:
            answers[fault] = chat(client, endpoint.request("Ships?", max_tokens=2))
    assert all(isinstance(answer.completion, ChatCompletion) for answer in answers.values())
    assert typed_problem("chat.completion", answers[None].content) is None
    assert "prompt_tokens_details" in typed_problem("chat.completion", answers["details_in_words"].content)


def test_a_full_endpoint_turns_every_kind_of_request_away(start):
    endpoint = start(slots=1, queue=1, gap_ms=5)
    asked = endpoint.request("Count from 1 to 500.", max_tokens=400, stream=True)
    questions = [("embeddings", {"model": endpoint.model, "input": "x"}), ("chat/completions", asked)]
    seen = press(endpoint, callers=4, filler=("chat/completions", asked), questions=questions, within_s=20)
    assert seen.first_refusal
    assert [told.refused.status for told in seen.refusals if told.refused] == [429, 429]
    assert not seen.failures
    with endpoint.client() as client:
        assert chat(client, endpoint.request("Ships?", max_tokens=2)).status == 200


def test_an_endpoint_with_room_refuses_nobody(start):
    endpoint = start()
    asked = endpoint.request("Ships?", max_tokens=2, stream=True)
    seen = press(endpoint, callers=2, filler=("chat/completions", asked), questions=[], within_s=0.2)
    assert seen.first_refusal is None
    assert seen.refusals == ()


@pytest.mark.parametrize(
    ("field", "cap"), [("data.spendingCap", 50.0), ("data.absent", None), ("data.spendingCap.more", None)]
)
def test_the_cap_is_read_where_the_target_says(start, field: str, cap: object):
    url = start().url.removesuffix("/v1") + "/spending"
    assert spending_cap(url, field, KEY) == cap


def test_a_cap_that_cannot_be_read_is_no_cap_of_none(start):
    url = start().url.removesuffix("/v1") + "/spending"
    with pytest.raises(ProbeError, match=r"spending\.key"):
        spending_cap(url, "data.spendingCap", "wrong")


def test_a_limit_in_time_ends_answers_in_either_form(start):
    endpoint = start(gap_ms=5, answer_s=0.05)
    asked = endpoint.request("Count from 1 to 500.", max_tokens=400)
    with endpoint.client() as client:
        assert chat(client, asked).status == 504
        ended = chat(client, asked | {"stream": True}).content
    assert b"timeout_error" in ended
    assert b"[DONE]" not in ended
