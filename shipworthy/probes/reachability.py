"""Whether addresses answer, and why not, in bounded time whatever stands behind them."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.session import read_only_session

LARGEST_ANSWER = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that must answer."""

    key: str
    """Where the target file declares it: ``gateway.url``."""
    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    healthy: bool = True
    """A 2xx or 3xx is expected; False: any answer below 500 will do (a webhook refuses GET)."""
    keyed: bool = False
    """A refused key (401, 403) shows too that it is up; whether the key is right is another claim."""
    within_s: float = 10.0
    """Deadline of the whole answer: name, connection, headers and body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one endpoint, or the cause in words why nothing did."""

    endpoint: Endpoint
    seconds: float
    status: int | None = None
    trouble: str | None = None
    certificate_days_left: float | None = None
    """None: the address does not use TLS."""

    @property
    def reached(self) -> bool:
        """Tell whether the endpoint gave the answer that it owes."""
        if self.status is None or self.trouble:
            return False
        if self.endpoint.keyed and self.status in {401, 403}:
            return True
        return self.status < (400 if self.endpoint.healthy else 500)


def reach(endpoints: Sequence[Endpoint], *, trust: ssl.SSLContext | None = None) -> list[Answer]:
    """Ask every endpoint with one GET, all at once; the whole takes little more than the longest deadline.

    Args:
        endpoints: what to ask.
        trust: the certificate authorities to believe; None: the public ones.

    """
    # A thread of its own: another tool (a browser driver) may hold an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _reach_all(endpoints, trust)).result()


def log_in(key: str, dsn: str, *, within_s: float = 10.0) -> Answer:
    """Connect to a database, log in and ask it for one row, in a session that cannot write."""
    started = time.monotonic()
    place = Endpoint(key, _place(dsn))
    try:
        with read_only_session(dsn, statement_s=within_s) as session:
            session.execute("select 1")
    except ProbeError as error:
        return Answer(place, time.monotonic() - started, trouble=str(error))
    return Answer(place, time.monotonic() - started, status=200)


def _place(dsn: str) -> str:
    """Name a database without its password."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(dsn)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


async def _reach_all(endpoints: Sequence[Endpoint], trust: ssl.SSLContext | None) -> list[Answer]:
    longest = max((endpoint.within_s for endpoint in endpoints), default=0.0)
    async with httpx.AsyncClient(trust_env=False, timeout=longest, verify=trust or True) as client:
        return list(await asyncio.gather(*(_reach(client, endpoint) for endpoint in endpoints)))


async def _reach(client: httpx.AsyncClient, endpoint: Endpoint) -> Answer:
    within_s = endpoint.within_s
    started = time.monotonic()
    received = 0
    try:
        async with (
            asyncio.timeout(within_s),
            client.stream("GET", endpoint.url, headers=endpoint.headers) as response,
        ):
            days = _certificate_days_left(response)
            async for part in response.aiter_raw():
                received += len(part)
                if received > LARGEST_ANSWER:
                    break
    except TimeoutError:
        how_far = f"the answer had no end: {received} bytes" if received else "no answer"
        return Answer(endpoint, time.monotonic() - started, trouble=f"{how_far} in {within_s:.0f} s")
    except httpx.HTTPError as error:
        return Answer(endpoint, time.monotonic() - started, trouble=_cause(error, within_s))
    seconds = time.monotonic() - started
    if received > LARGEST_ANSWER:
        return Answer(
            endpoint, seconds, trouble=f"the answer had no end: {received} bytes in {seconds:.0f} s"
        )
    return Answer(endpoint, seconds, response.status_code, certificate_days_left=days)


def _certificate_days_left(response: httpx.Response) -> float | None:
    stream = response.extensions.get("network_stream")
    tls: Any = stream.get_extra_info("ssl_object") if stream else None
    if tls is None:
        return None
    expires = ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"])
    return (expires - dt.datetime.now(dt.UTC).timestamp()) / 86_400


def _cause(error: BaseException, within_s: float) -> str:
    """Put the innermost reason of a transport error into words."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(link)
        if isinstance(link, ExceptionGroup):
            chain += link.exceptions
        link = link.__cause__ or link.__context__
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"its TLS certificate is refused: {link.verify_message}"
        if isinstance(link, socket.gaierror):
            return "its name does not resolve (DNS)"
        if isinstance(link, OSError) and link.errno == errno.ECONNREFUSED:
            return "connection refused: nothing listens there"
    if any(isinstance(link, ssl.SSLError) for link in chain):
        return f"TLS failed: {error}"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in {within_s:.0f} s"
    return f"the connection broke: {str(error) or type(error).__name__}"
