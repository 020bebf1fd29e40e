"""An endpoint that scales to zero: whether it does, and what the first callers after that wait for."""

from __future__ import annotations

import functools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.calls import ask, stream_chat
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.shape import first_problem

POLL_S = 0.1
TOKENS = 8
CALLERS = 4
"""Who ask at once in the first cold start; each of the others has one caller."""
PHASES = ("queue", "boot", "load")
"""Waiting for a machine, its start, the weights' way into memory; in this order."""


class Machines(BaseModel):
    """What ``idle_url`` answers; only ``workers`` must be there."""

    model_config = ConfigDict(strict=True, frozen=True)

    workers: Annotated[int, Field(ge=0)]
    """Machines that are up or starting."""
    starts: Annotated[int, Field(ge=0)] | None = None
    """Machines that were ever started."""
    phases: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Of the latest start, in seconds: ``queue``, ``boot``, ``load``, as far as they are known."""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Callers who asked at once while no machine was up."""

    first_tokens_s: tuple[float, ...]
    """Until the first token, of each caller who got a whole answer; ascending."""
    troubles: tuple[str, ...]
    """Why the others got none."""
    workers_after: int
    """Right after the answers; 0 would mean that the count is not to be believed."""
    started: int | None
    """By how much the count of starts rose; None where there is no such count."""
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds of each part, as far as they are told."""

    @property
    def callers(self) -> int:
        """How many asked at once."""
        return len(self.first_tokens_s) + len(self.troubles)

    @property
    def machines(self) -> int:
        """How many machines came up for them: by the count of starts, or by those that are up after it."""
        return self.workers_after if self.started is None else self.started

    @property
    def first_s(self) -> float | None:
        """Until the first token of whoever got it first; None where nobody did."""
        return self.first_tokens_s[0] if self.first_tokens_s else None

    @property
    def parts_s(self) -> dict[str, float]:
        """The way to the first token in parts; what no phase tells of is the ``first token`` itself."""
        told = {name: self.phases[name] for name in PHASES if name in self.phases}
        rest = (self.first_s or 0.0) - sum(told.values())
        return told | ({"first token": rest} if rest > 0 else {})


@dataclass(frozen=True, slots=True)
class ColdRun:
    """An endpoint on its way to zero and back, once or several times."""

    workers_when_warm: int
    """Right after an answer; 0 would mean that the count is not to be believed, and nothing else is known."""
    to_zero_s: float | None
    """From the last answer to zero machines; None where they were still up when the time was over."""
    workers_left: int
    """Machines up at the end of that time."""
    starts: tuple[ColdStart, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give everything as JSON, to be kept and judged again."""
        data: dict[str, Any] = RUN.dump_python(self, mode="json")
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ColdRun:
        """Take back what ``as_json`` gave."""
        return RUN.validate_python(data)


RUN = TypeAdapter(ColdRun)


def machines(client: httpx.Client, idle_url: str) -> Machines:
    """Ask how many machines are up, and what is told of their starts.

    Raises:
        ProbeError: the answer has another shape.

    """
    answer = ask(client, "GET", idle_url)
    try:
        return Machines.model_validate_json(answer.content)
    except ValidationError as error:
        raise ProbeError(
            f'{idle_url}: {answer.excerpt}; it has to answer {{"workers": n}}, beside which "starts" and '
            f'"phases" may stand ({first_problem(error)})'
        ) from None


def wait_for_zero(client: httpx.Client, idle_url: str, within_s: float) -> float | None:
    """Wait until no machine is up; give the seconds that took, None where it did not happen in time."""
    begun = time.monotonic()
    while machines(client, idle_url).workers:
        if time.monotonic() - begun > within_s:
            return None
        time.sleep(POLL_S)
    return time.monotonic() - begun


def measure_cold_starts(
    endpoint: ChatEndpoint,
    idle_url: str,
    prompt: str,
    *,
    starts: int,
    within_s: float,
    callers: int = CALLERS,
) -> ColdRun:
    """Wake the endpoint, let it go down to zero, and start it from there, as often as asked for.

    Args:
        endpoint: what scales to zero.
        idle_url: tells how many machines are up.
        prompt: what is asked.
        starts: how many cold starts; each begins when no machine is up.
        within_s: the longest that going down to zero may take, each time.
        callers: who ask at once in the first start.

    Raises:
        ProbeError: the endpoint gave no answer while it was warm, did not go down to zero a second time, or
            its count has another shape.

    """
    with endpoint.client() as client, ThreadPoolExecutor(callers) as asking:
        warm = stream_chat(client, endpoint.request(prompt, max_tokens=1))
        if warm.incomplete:
            raise ProbeError(f"{endpoint.name} gave no answer to go down to zero after: {warm.incomplete}")
        when_warm = machines(client, idle_url).workers
        to_zero_s = wait_for_zero(client, idle_url, within_s) if when_warm else None
        left = machines(client, idle_url).workers
        if to_zero_s is None:
            return ColdRun(when_warm, None, left)
        start = functools.partial(_start, client, endpoint, idle_url, prompt, asking)
        done = [start(callers)]
        while len(done) < starts:
            if wait_for_zero(client, idle_url, within_s) is None:
                raise ProbeError(f"{endpoint.name} did not go down to zero again in {within_s:g} s")
            done.append(start(1))
        return ColdRun(when_warm, to_zero_s, left, tuple(done))


def _start(
    client: httpx.Client,
    endpoint: ChatEndpoint,
    idle_url: str,
    prompt: str,
    asking: ThreadPoolExecutor,
    callers: int,
) -> ColdStart:
    before = machines(client, idle_url)
    asked = [asking.submit(_first_token, client, endpoint, prompt) for _ in range(callers)]
    answers = [answer.result() for answer in asked]
    after = machines(client, idle_url)
    return ColdStart(
        first_tokens_s=tuple(sorted(answer for answer in answers if isinstance(answer, float))),
        troubles=tuple(answer for answer in answers if isinstance(answer, str)),
        workers_after=after.workers,
        started=None if before.starts is None or after.starts is None else after.starts - before.starts,
        phases=dict(after.phases),
    )


def _first_token(client: httpx.Client, endpoint: ChatEndpoint, prompt: str) -> float | str:
    """Give the seconds until the first token of a whole answer, or why there was none."""
    try:
        record = stream_chat(client, endpoint.request(prompt, max_tokens=TOKENS))
    except ProbeError as error:
        return str(error)
    if record.incomplete or not record.timing:
        return record.incomplete or "no text"
    return record.timing.first_token_s
