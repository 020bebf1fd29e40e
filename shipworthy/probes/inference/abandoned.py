"""Callers who leave: streams dropped after their first token, connections opened and dropped."""

from __future__ import annotations

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx

from shipworthy.errors import ProbeError
from shipworthy.probes.http import bounded_client
from shipworthy.probes.inference.calls import READS, Body
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.sse import EventTooLongError, SseParser
from shipworthy.probes.inference.stream import Arrival, StreamRecord
from shipworthy.probes.metrics import read_samples

LONG_TOKENS = 512
"""What is asked for and not waited for."""
TURNED_AWAY = "HTTP 429"
SHORTEST_PAUSE_S = 0.01
LANES = 4
"""Connections that are kept and used at the same time."""
USUAL_DESCRIPTORS = 32
"""Pools, threads and log files may add as many without any leak."""
POLL_S = 0.2
PROMPT = "Continue list {} up to 9999, and leave nothing out: " + ",".join(str(n) for n in range(1, 80))
"""Any model has much to say to that."""


@dataclass(frozen=True, slots=True)
class Departures:
    """Callers who opened a stream and left at its first token, beside as many who stayed for one token."""

    at_once: int
    """Callers at the same time."""
    stayed_s: float
    """Until as many callers had an answer of one token, which was all they asked for."""
    left_s: float
    """Until all the streams had begun, and been left."""
    begun: int
    """Streams that began."""
    asked: int
    trouble: str | None
    """The first reason why a stream did not begin."""

    @property
    def bearable_s(self) -> float:
        """What leaving may take at most, beside staying: twice as long, and half a second."""
        return 2 * self.stayed_s + 0.5


def leave_streams(endpoint: ChatEndpoint, streams: int, at_once: int, patience_s: float) -> Departures:
    """Open streams, leave each at its first token, and compare with as many answers of one token.

    A server that goes on with answers that nobody reads makes the next caller wait for their ends; one that
    never gives their slots back lets nobody in. Where callers are given their slots back, both take the same.

    Args:
        endpoint: who is asked.
        streams: how many are left; a server with as many slots or more shows nothing.
        at_once: how many are open at the same time, at most.
        patience_s: how long the beginning of a stream is waited for, at least; ten times the time that all
            the answers of one token took, where that is longer.

    Raises:
        ProbeError: the endpoint does not answer even without anybody leaving.

    """
    with endpoint.client() as client:
        if trouble := _first_token(client, endpoint, 1, 0):
            raise ProbeError(f"{endpoint.name} does not answer: {trouble}")
        begun_at = time.monotonic()
        stayed = _together(client, endpoint, streams, at_once, 1)
        stayed_s = time.monotonic() - begun_at
    if trouble := next(filter(None, stayed), None):
        raise ProbeError(f"{endpoint.name} does not answer {at_once} callers at a time: {trouble}")
    patience_s = max(patience_s, 10 * stayed_s)
    impatient = replace(endpoint, answer_s=patience_s)
    with impatient.client() as client:
        begun_at = time.monotonic()
        beginnings = _together(client, impatient, streams, at_once, LONG_TOKENS)
        left_s = time.monotonic() - begun_at
    troubles = [trouble for trouble in beginnings if trouble]
    begun, trouble = streams - len(troubles), next(iter(troubles), None)
    return Departures(at_once, stayed_s, left_s, begun, streams, trouble)


def _together(
    client: httpx.Client, endpoint: ChatEndpoint, streams: int, at_once: int, tokens: int
) -> list[str | None]:
    """Ask with so many callers; once one of them was not answered, the rest does not ask any more."""
    gave_up: list[str] = []

    def one(number: int) -> str | None:
        if gave_up:
            return gave_up[0]
        trouble = _first_token(client, endpoint, tokens, number)
        if trouble:
            gave_up.append(trouble)
        return trouble

    with ThreadPoolExecutor(at_once) as callers:
        return list(callers.map(one, range(streams)))


def _first_token(client: httpx.Client, endpoint: ChatEndpoint, tokens: int, number: int) -> str | None:
    """Wait for the first text of a stream and leave; of one token, stay to the end. Gives what went wrong.

    Who is turned away (429) asks again, as long as an answer would be waited for: where there is no queue,
    the slot of the one before may not be free yet.
    """
    body = endpoint.request(PROMPT.format(number), max_tokens=tokens) | {"stream": True}
    deadline, pause_s = time.monotonic() + endpoint.answer_s, SHORTEST_PAUSE_S
    while (trouble := _try_first_token(client, body)) == TURNED_AWAY and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s *= 2
    return trouble


def _try_first_token(client: httpx.Client, body: Body) -> str | None:
    request = client.build_request("POST", "chat/completions", json=dict(body), extensions={**READS})
    try:
        response = client.send(request, stream=True)
    except ProbeError as error:
        return str(error)
    parser, one_token = SseParser(), body["max_tokens"] == 1
    text = ended = False
    try:
        if response.status_code != 200:
            return f"HTTP {response.status_code}"
        for piece in response.iter_raw():
            came = StreamRecord(200, "", tuple(Arrival(0.0, event) for event in parser.feed(piece)), 0.0)
            text, ended = text or came.timing is not None, ended or came.ended
            if text and not one_token:
                break
    except (ProbeError, EventTooLongError, httpx.TransportError) as error:
        return str(error) or type(error).__name__
    finally:
        response.close()
    # One token may be part of a character: then its stream has no text, and an end.
    return None if text or (one_token and ended) else "the stream had no text"


@dataclass(frozen=True, slots=True)
class Churn:
    """Many short requests and many connections that were opened and dropped."""

    requests: int
    """Answered, over connections that were kept."""
    dropped: int
    """Connections that were opened, asked nothing or half a question, and were closed."""
    seconds: float
    trouble: str | None
    """Why it ended early, if it did: the request that was not answered."""


def churn(endpoint: ChatEndpoint, *, requests: int, connections: int, within_s: float) -> Churn:
    """Send short requests over a few kept connections, and open and drop others, until all or the time is up.

    Raises:
        ProbeError: not even the first request is answered.

    """
    begun_at = time.monotonic()
    place = _Place(endpoint, until=begun_at + within_s)
    if trouble := place.keep_asking(1, drop_every=0).trouble:
        raise ProbeError(f"{endpoint.name} GET /v1/models: {trouble}")
    every = max(1, requests // connections)
    with ThreadPoolExecutor(LANES) as lanes:
        done = list(lanes.map(lambda _: place.keep_asking(requests // LANES, drop_every=every), range(LANES)))
    return Churn(
        requests=sum(lane.requests for lane in done),
        dropped=sum(lane.dropped for lane in done),
        seconds=time.monotonic() - begun_at,
        trouble=next((lane.trouble for lane in done if lane.trouble), None),
    )


class _Place:
    """An endpoint's host, and how it is asked with as little work on this side as can be."""

    def __init__(self, endpoint: ChatEndpoint, until: float) -> None:
        parts = urlsplit(endpoint.url)
        self._host, self._secure = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._path = f"{parts.path}/models"
        self._headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        self._patience_s = endpoint.answer_s
        self._until = until

    def keep_asking(self, requests: int, *, drop_every: int) -> Churn:
        """Ask over one connection that is kept; after so many requests drop another (0: never)."""
        begun_at, answered, dropped, trouble = time.monotonic(), 0, 0, None
        connect = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = connect(self._host, self._port, timeout=self._patience_s)
        try:
            while answered < requests and time.monotonic() < self._until:
                self._ask(connection)
                answered += 1
                if drop_every and answered % drop_every == 0:
                    self._drop(halfway=dropped % 2 == 0)
                    dropped += 1
        except (OSError, http.client.HTTPException) as error:
            trouble = f"request {answered + 1}: {str(error) or type(error).__name__}"
        finally:
            connection.close()
        return Churn(answered, dropped, time.monotonic() - begun_at, trouble)

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        """Ask for the models; any answer below 500 will do (429 included), but it must be a whole one.

        Raises:
            OSError, http.client.HTTPException: there was none.

        """
        connection.request("GET", self._path, headers=self._headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 500:
            raise http.client.HTTPException(f"HTTP {answer.status}")

    def _drop(self, *, halfway: bool) -> None:
        """Open a connection, say nothing or half a request, and go.

        Raises:
            OSError: it could not be opened.

        """
        place = (self._host, self._port)
        with socket.create_connection(place, timeout=self._patience_s) as connection, suppress(OSError):
            if halfway:
                connection.sendall(f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\n".encode())


def open_descriptors(metrics: str) -> int | None:
    """Read how many descriptors a server holds; None where its metrics do not tell.

    Raises:
        ProbeError: the metrics cannot be read.

    """
    with bounded_client(may_write=False) as client:
        count = read_samples(client, metrics).get("process_open_fds")
    return None if count is None else int(count)


def descriptors_left(metrics: str, before: int, *, within_s: float) -> int:
    """Give how many more descriptors are open than before, once no more are closed, or the time is up.

    Raises:
        ProbeError: the metrics cannot be read.

    """
    deadline = time.monotonic() + within_s
    while True:
        more = (open_descriptors(metrics) or 0) - before
        if more <= USUAL_DESCRIPTORS or time.monotonic() > deadline:
            return more
        time.sleep(POLL_S)
