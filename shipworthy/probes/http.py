"""An HTTP client that cannot be held up: bounded in time and size, and bound to what the target allows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx

from shipworthy.errors import ProbeError, WriteRefusedError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_BODY = 32 * 1024 * 1024


class _BoundedStream(httpx.SyncByteStream):
    """The body of an answer, cut off with a ``ProbeError`` at its deadline or size limit."""

    def __init__(self, inner: httpx.SyncByteStream, url: httpx.URL, deadline: float, largest: int) -> None:
        self._inner, self._url, self._deadline, self._largest = inner, url, deadline, largest

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for part in self._parts():
            seen += len(part)
            if seen > self._largest:
                raise ProbeError(f"{self._url} sent more than {self._largest} bytes without an end")
            if time.monotonic() > self._deadline:
                raise ProbeError(f"{self._url} was still sending after its deadline ({seen} bytes so far)")
            yield part

    def _parts(self) -> Iterator[bytes]:
        try:
            yield from self._inner
        except httpx.TransportError as error:
            cause = str(error) or type(error).__name__
            raise ProbeError(f"{self._url} broke off in the middle of its answer: {cause}") from error

    def close(self) -> None:
        """Close the connection's side of it."""
        self._inner.close()


class BoundedTransport(httpx.BaseTransport):
    """Refuses what the target does not allow, and ends what does not end by itself."""

    def __init__(
        self, inner: httpx.BaseTransport, *, may_write: bool, total_s: float, largest: int = LARGEST_BODY
    ) -> None:
        self._inner, self._may_write, self._total_s, self._largest = inner, may_write, total_s, largest

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            WriteRefusedError: an unsafe method towards a target that allows no writes.
            ProbeError: no answer, or none in time.

        """
        if not self._may_write and request.method not in SAFE_METHODS and not request.extensions.get("reads"):
            raise WriteRefusedError(
                f'{request.method} {request.url} refused: the target says writes = "none"'
            )
        deadline = time.monotonic() + self._total_s
        try:
            response = self._inner.handle_request(request)
        except httpx.TimeoutException as error:
            raise ProbeError(
                f"{request.method} {request.url}: no answer in time ({type(error).__name__})"
            ) from error
        except httpx.TransportError as error:
            raise ProbeError(
                f"{request.method} {request.url}: {str(error) or type(error).__name__}"
            ) from error
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _BoundedStream(response.stream, request.url, deadline, self._largest)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()


def bounded_client(
    *,
    may_write: bool,
    base_url: str = "",
    headers: dict[str, str] | None = None,
    answer_s: float = 10.0,
    total_s: float = 30.0,
    **options: Any,
) -> httpx.Client:
    """Make a client for one target.

    Args:
        may_write: whether methods beyond GET, HEAD and OPTIONS may be sent. A request that only
            reads although it is a POST (a search, a chat) says so: ``extensions={"reads": True}``.
        base_url: prefix of relative URLs.
        headers: sent with every request.
        answer_s: longest silence, in seconds: to connect, and between two parts of an answer.
        total_s: longest time for one whole answer, in seconds.
        **options: passed to ``httpx.Client``.

    """
    transport = BoundedTransport(
        httpx.HTTPTransport(verify=options.pop("verify", True), trust_env=False),
        may_write=may_write,
        total_s=total_s,
    )
    return httpx.Client(
        transport=transport, base_url=base_url, headers=headers, timeout=answer_s, trust_env=False, **options
    )
