"""Whether OpenAI's own Python client can read an endpoint, and its own types accept an answer.

The client by itself takes almost anything (it constructs its types without validating them), so the
bytes are held against the same types strictly as well. It is imported when it is needed: that takes its time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.shape import first_problem

if TYPE_CHECKING:
    from openai import OpenAI

SAID = "Say hello to the harbour."
TOKENS = 6
LONGEST_S = 60.0
"""A stream that goes on for longer, for six tokens, is given up."""


def _models(client: OpenAI, _: ChatEndpoint) -> Iterator[Any]:
    yield from client.models.list()


def _chat(client: OpenAI, endpoint: ChatEndpoint) -> Iterator[Any]:
    yield client.chat.completions.create(
        model=endpoint.model, messages=[{"role": "user", "content": SAID}], max_tokens=TOKENS, temperature=0
    )


def _chat_streamed(client: OpenAI, endpoint: ChatEndpoint) -> Iterator[Any]:
    yield from client.chat.completions.create(
        model=endpoint.model,
        messages=[{"role": "user", "content": SAID}],
        max_tokens=TOKENS,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )


def _completion(client: OpenAI, endpoint: ChatEndpoint) -> Iterator[Any]:
    yield client.completions.create(model=endpoint.model, prompt=SAID, max_tokens=TOKENS, temperature=0)


def _completion_streamed(client: OpenAI, endpoint: ChatEndpoint) -> Iterator[Any]:
    yield from client.completions.create(
        model=endpoint.model, prompt=SAID, max_tokens=TOKENS, temperature=0, stream=True
    )


def _embeddings(client: OpenAI, endpoint: ChatEndpoint) -> Iterator[Any]:
    yield client.embeddings.create(model=endpoint.model, input=[SAID])


OFFICIAL_CALLS: Mapping[str, Callable[[OpenAI, ChatEndpoint], Iterator[Any]]] = {
    "models.list": _models,
    "chat.completions.create": _chat,
    "chat.completions.create(stream=True)": _chat_streamed,
    "completions.create": _completion,
    "completions.create(stream=True)": _completion_streamed,
    "embeddings.create": _embeddings,
}
"""Each call of the client that is made, as it is written there."""


def official_problem(endpoint: ChatEndpoint, call: str) -> str | None:
    """Make one call with OpenAI's client; give what it objects to, None where it reads all of the answer.

    Args:
        endpoint: for embeddings its model is the one that embeds.
        call: one of ``OFFICIAL_CALLS``.

    """
    import openai

    begun, items = time.monotonic(), 0
    encrypted = endpoint.url.startswith("https:")
    with openai.DefaultHttpxClient(verify=encrypted, trust_env=False, follow_redirects=False) as http:
        client = openai.OpenAI(
            base_url=endpoint.url,
            api_key=endpoint.key or "none",
            http_client=http,
            max_retries=0,
            timeout=endpoint.answer_s,
        )
        try:
            for item in OFFICIAL_CALLS[call](client, endpoint):
                items += isinstance(item, BaseModel)
                if time.monotonic() - begun > LONGEST_S:
                    return f"still reading after {LONGEST_S:g} s"
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            return f"{type(error).__name__}: {str(error)[:200]}"
    return None if items else "it read nothing"


def typed_problem(kind: str, content: bytes) -> str | None:
    """Hold one body, or one event, against OpenAI's own types, strictly; give what they object to.

    Args:
        kind: what it says it is: ``chat.completion``, ``chat.completion.chunk``, ``text_completion``,
            ``list`` (of embeddings, as floats) or ``model``.
        content: the bytes as they came.

    """
    from openai.types import Completion, CreateEmbeddingResponse, Model
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    types: Mapping[str, type[BaseModel]] = {
        "chat.completion": ChatCompletion,
        "chat.completion.chunk": ChatCompletionChunk,
        "text_completion": Completion,
        "list": CreateEmbeddingResponse,
        "model": Model,
    }
    try:
        types[kind].model_validate_json(content, strict=True)
    except ValidationError as error:
        return f"{types[kind].__name__}: {first_problem(error)}"
    return None
