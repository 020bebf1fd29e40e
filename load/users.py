"""The users of a load run: members, each doing one thing over and over at a steady pace."""

from __future__ import annotations

import json
import os
import time
from typing import Any, ClassVar

from locust import constant_throughput, task
from locust.contrib.fasthttp import FastHttpUser

from shipworthy.probes.load import PLAN_VARIABLE, Kind, LoadPlan, Traffic

PLAN = LoadPlan.model_validate_json(os.environ[PLAN_VARIABLE])
ANSWER_S = 30.0


class Member(FastHttpUser):
    """A signed-in member who sends one kind of request."""

    abstract = True
    host = ""
    kind: ClassVar[Kind]
    wait_time = constant_throughput(PLAN.requests_per_user_s)
    network_timeout = ANSWER_S
    connection_timeout = ANSWER_S

    def on_start(self) -> None:
        """Take the requests of this user's kind in turn."""
        self.traffic = [traffic for traffic in PLAN.traffic if traffic.kind == self.kind]
        self.turn = 0

    @task
    def send(self) -> None:
        """Send the next request."""
        traffic = self.traffic[self.turn % len(self.traffic)]
        self.turn += 1
        self.exchange(traffic)

    def exchange(self, traffic: Traffic) -> None:
        """Send one request and judge its answer: it must hold at least one row."""
        with self.request(traffic) as response:
            if response.status_code != 200:
                response.failure(f"HTTP {response.status_code}: {(response.text or '')[:120]}")
            elif not rows_of(response.text or ""):
                response.failure(f"an answer without rows: {(response.text or '')[:120]}")
            else:
                response.success()

    def request(self, traffic: Traffic, **options: Any) -> Any:
        """Begin a request that is counted under the traffic's name."""
        return self.client.request(
            "POST" if traffic.body is not None else "GET",
            traffic.url,
            name=traffic.name,
            headers=traffic.headers,
            json=traffic.body,
            catch_response=True,
            **options,
        )


class ChatUser(Member):
    """Asks the model through the gateway; the time that counts is that to the first token."""

    kind = "chat"
    weight = PLAN.share("chat")

    def exchange(self, traffic: Traffic) -> None:
        """Read a streamed answer to its end; without a token or ``[DONE]`` it failed."""
        started = time.perf_counter()
        with self.request(traffic, stream=True) as response:
            if response.status_code != 200:
                response.failure(f"HTTP {response.status_code}")
                return
            first_token_s, done = None, False
            # geventhttpclient's own lines: iterating over content waits for a full block.
            while line := response._response.readline(b"\n"):  # noqa: SLF001  its public way buffers
                text = line.decode(errors="replace").strip()
                if first_token_s is None and token_in(text):
                    first_token_s = time.perf_counter() - started
                done = done or text == "data: [DONE]"
            if first_token_s is None or not done:
                response.failure("the stream ended without " + ("[DONE]" if first_token_s else "a token"))
                return
            response.request_meta["response_time"] = first_token_s * 1000
            response.success()


class DataReader(Member):
    """Reads tables through the Data API; row level security decides what there is."""

    kind = "read"
    weight = PLAN.share("read")


class Searcher(Member):
    """Searches the ingested documents."""

    kind = "search"
    weight = PLAN.share("search")


class FunctionCaller(Member):
    """Calls edge functions that answer from the database."""

    kind = "function"
    weight = PLAN.share("function")


def rows_of(text: str) -> list[Any]:
    """Give the rows of a JSON answer: the answer itself, or the first list in it."""
    try:
        answer = json.loads(text)
    except ValueError:
        return []
    if isinstance(answer, dict):
        answer = next((value for value in answer.values() if isinstance(value, list)), [])
    return answer if isinstance(answer, list) else []


def token_in(line: str) -> bool:
    """Tell whether a line of an event stream carries content."""
    if not line.startswith("data: {"):
        return False
    choices = json.loads(line.removeprefix("data: ")).get("choices") or [{}]
    return bool((choices[0].get("delta") or {}).get("content"))
