"""An endpoint that is kept full, and how it turns further requests away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from shipworthy.probes.inference.calls import Answer
from shipworthy.probes.inference.endpoint import ChatEndpoint

Question = tuple[str, Mapping[str, Any]]
"""The path below the endpoint's address, and the body."""

BACK_OFF_S = 0.05
TRIES = 5
PATIENCE_S = 3.0
"""A question without an answer for so long was let in: it waits in the queue, and a place is free again."""
KEPT = 4096
REFUSED = 429


@dataclass(slots=True)
class Refusals:
    """What one question was answered while the endpoint was full."""

    path: str
    streamed: bool
    answers: list[Answer] = field(default_factory=list)
    """Each try, until one is refused."""
    silent: int = 0
    """Tries that were let in and given up: no answer for three seconds."""

    @property
    def refused(self) -> Answer | None:
        """The answer that turned the question away; None where every try was let in."""
        return next((answer for answer in self.answers if answer.status == REFUSED), None)


@dataclass(frozen=True, slots=True)
class Pressure:
    """What happened while more callers asked at once than the endpoint promises to hold."""

    callers: int
    first_refusal: Answer | None
    """The first 429 that a caller got; None where there was none in time."""
    failures: tuple[str, ...]
    """Answers to callers that were neither a success nor a 429, and connections that were lost."""
    refusals: tuple[Refusals, ...]
    """What each question was answered then; empty where nobody was refused."""


def press(
    endpoint: ChatEndpoint, *, callers: int, filler: Question, questions: Sequence[Question], within_s: float
) -> Pressure:
    """Keep an endpoint full with long streams, and ask each question until it is turned away.

    Args:
        endpoint: what is asked.
        callers: how many ask ``filler`` at any time; one that is refused asks again.
        filler: a question whose answer takes long.
        questions: asked once the first caller was refused, up to five times each.
        within_s: how long the first refusal is waited for, in seconds.

    """
    return asyncio.run(_press(endpoint, callers, filler, questions, within_s))


async def _press(
    endpoint: ChatEndpoint, callers: int, filler: Question, questions: Sequence[Question], within_s: float
) -> Pressure:
    limits = httpx.Limits(max_connections=callers + len(questions), max_keepalive_connections=0)
    headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    client = httpx.AsyncClient(
        base_url=endpoint.url,
        headers=headers,
        limits=limits,
        timeout=endpoint.answer_s,
        trust_env=False,
        verify=endpoint.url.startswith("https:"),
    )
    seen = _Seen()
    async with client:
        tasks = [asyncio.create_task(_fill(client, filler, seen)) for _ in range(callers)]
        try:
            full = await _within(within_s, seen.refused.wait())
            refusals = [await _ask(client, question) for question in questions] if full else []
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return Pressure(callers, seen.first, tuple(seen.failures), tuple(refusals))


@dataclass(slots=True)
class _Seen:
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    first: Answer | None = None
    failures: list[str] = field(default_factory=list)


async def _fill(client: httpx.AsyncClient, filler: Question, seen: _Seen) -> None:
    """Ask again and again until cancelled."""
    while True:
        try:
            answer = await _post(client, filler)
        except httpx.HTTPError as error:
            seen.failures.append(str(error) or type(error).__name__)
            answer = None
        if answer and answer.status == REFUSED:
            seen.first = seen.first or answer
            seen.refused.set()
        elif answer and answer.status >= 400:
            seen.failures.append(answer.excerpt)
        await asyncio.sleep(BACK_OFF_S)


async def _ask(client: httpx.AsyncClient, question: Question) -> Refusals:
    found = Refusals(question[0], bool(question[1].get("stream")))
    for _ in range(TRIES):
        try:
            async with asyncio.timeout(PATIENCE_S):
                found.answers.append(await _post(client, question))
        except (TimeoutError, httpx.HTTPError):
            found.silent += 1
        if found.refused:
            break
    return found


async def _post(client: httpx.AsyncClient, question: Question) -> Answer:
    path, body = question
    content = json.dumps(dict(body)).encode()
    headers = {"Content-Type": "application/json"}
    kept = bytearray()
    async with client.stream("POST", path, content=content, headers=headers) as response:
        async for piece in response.aiter_raw():
            kept += piece[: KEPT - len(kept)]
            await asyncio.sleep(BACK_OFF_S)  # streams that only hold a place are read in large pieces
        return Answer(response.status_code, response.headers, bytes(kept))


async def _within(seconds: float, waited: Any) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await waited
    except TimeoutError:
        return False
    return True
