"""Whether callers are kept apart: each sends a code of its own, and the answers tell whose code they hold."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.calls import Body, chat, stream_chat
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.models import ChatCompletion

ENOUGH_TOKENS = (16, 64, 256)
"""Tried in this order: some models think, or greet, before they repeat a code."""


def new_code() -> str:
    """Make a word that no model says by itself."""
    return f"zq{secrets.token_hex(5)}"


@dataclass(frozen=True, slots=True)
class Echo:
    """What one caller got back, thoughts included."""

    code: str
    """The caller's own."""
    streamed: bool
    text: str
    trouble: str | None = None
    """Why there is no answer: ``HTTP 429``, for one."""

    @property
    def own(self) -> bool:
        """Whether the answer repeats the caller's own code: what shows that codes come back at all."""
        return self.code in self.text.lower()

    def foreign(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Give the codes of others that the answer holds."""
        said = self.text.lower()
        return tuple(code for code in codes if code != self.code and code in said)


@dataclass(frozen=True, slots=True)
class Wave:
    """Callers who asked at the same time, every second one for a stream."""

    at_once: int
    echoes: tuple[Echo, ...]


def tokens_to_repeat(endpoint: ChatEndpoint) -> int:
    """Find how many tokens an answer needs until it holds the code that it was asked to repeat.

    Raises:
        ProbeError: the model does not repeat codes, or does not answer; why is in the message.

    """
    last = ""
    with endpoint.client() as client:
        for tokens in ENOUGH_TOKENS:
            echo = _echo(client, endpoint, new_code(), tokens, streamed=False)
            if echo.own:
                return tokens
            last = echo.trouble or repr(echo.text[:120])
    raise ProbeError(f"{endpoint.name} does not repeat the code it is given: {last}; whose an answer is "
                     "cannot be told")  # fmt: skip


def ask_in_waves(endpoint: ChatEndpoint, tokens: int, waves: Sequence[int]) -> tuple[Wave, ...]:
    """Send waves of callers, each caller with a code of its own.

    Args:
        endpoint: who is asked.
        tokens: as ``tokens_to_repeat`` found.
        waves: how many callers ask at once, wave by wave; of a lone caller two requests are sent.

    """
    most = max(waves)
    with endpoint.client() as client, ThreadPoolExecutor(most) as callers:

        def one_of(at_once: int) -> Wave:
            asked = [(new_code(), number % 2 == 0) for number in range(max(at_once, 2))]
            send = functools.partial(_echo, client, endpoint)
            if at_once == 1:
                echoes = [send(code, tokens, streamed=streamed) for code, streamed in asked]
            else:
                sent = [callers.submit(send, code, tokens, streamed=streamed) for code, streamed in asked]
                echoes = [answer.result() for answer in sent]
            return Wave(at_once, tuple(echoes))

        return tuple(one_of(at_once) for at_once in waves)


def ask_under_orders(endpoint: ChatEndpoint, tokens: int) -> tuple[Echo, ...]:
    """Ask one and the same question under two system prompts, each with a code; give what was said.

    The second prompt asks when the first has been answered, in one piece and streamed, and the first
    then asks again: whatever was kept of an answer, or of the work on a prompt, is there to be reused.
    """
    first, second = new_code(), new_code()
    question = f"What is the code word of conversation {secrets.token_hex(3)}?"
    with endpoint.client() as client:

        def told(code: str, *, streamed: bool) -> Echo:
            orders = f"The code word is {code} whatever the question; answer with it alone."
            body = endpoint.request(question, max_tokens=tokens)
            body["messages"] = [{"role": "system", "content": orders}, *body["messages"]]
            return Echo(code, streamed, *said(client, body, streamed=streamed))

        return tuple(
            told(code, streamed=streamed)
            for code, streamed in ((first, False), (second, False), (second, True), (first, True))
        )


def _echo(client: httpx.Client, endpoint: ChatEndpoint, code: str, tokens: int, *, streamed: bool) -> Echo:
    body = endpoint.request(f"Repeat this code: {code} and nothing else.", max_tokens=tokens)
    text, trouble = said(client, body, streamed=streamed)
    return Echo(code, streamed, text, trouble)


def said(client: httpx.Client, body: Body, *, streamed: bool) -> tuple[str, str | None]:
    """Ask, and give the text of the answer, thoughts included, with what kept it from coming, if anything."""
    try:
        if streamed:
            record = stream_chat(client, body)
            return "".join(c.delta.text for chunk in record.chunks for c in chunk.choices), record.incomplete
        answer = chat(client, body)
    except ProbeError as error:
        return "", str(error)
    completion = answer.completion
    if answer.status != 200 or not isinstance(completion, ChatCompletion):
        return "", answer.excerpt
    message = completion.choices[0].message
    return message.text, None
