"""An HTTP client that cannot be held up: bounded in time and size, and bound to what the target allows."""

from __future__ import annotations

import enum
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx

from shipworthy.errors import ProbeError, WriteRefusedError
from shipworthy.probes.deadline import deadline_pool, patient

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SILENCE_S = 10.0
SENDING_S = 20.0
LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of one answer, decompressed."""
DECOMPRESSED_AT_ONCE = 64 * 1024
LONGEST_CAUSE = 200
CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


def media_type(content_type: str) -> str:
    """Give the type of a body without its parameters; its case has no meaning (RFC 9110, 8.3.1)."""
    return content_type.partition(";")[0].strip().lower()


class Ending(enum.StrEnum):
    """How the transfer of an answer's body ended."""

    COMPLETE = "complete"
    """As its framing says: the last chunk, the promised length, or the close of an unframed body."""
    CLOSED = "closed early"
    RESET = "reset"
    SILENT = "silent"
    LATE = "deadline"
    TOO_LARGE = "too large"
    GARBLED = "garbled"
    """What came is no HTTP, or is not encoded as its head says."""


class CutOffError(ProbeError):
    """The body of an answer did not come to its end."""

    def __init__(self, message: str, ending: Ending) -> None:
        super().__init__(message)
        self.ending = ending


class _BoundedStream(httpx.SyncByteStream):
    """The body of an answer, decompressed, cut off at its deadline or size limit."""

    def __init__(
        self, inner: httpx.SyncByteStream, url: httpx.URL, deadline: float, largest: int, *, compressed: bool
    ) -> None:
        self._inner, self._url, self._deadline, self._largest = inner, url, deadline, largest
        self._compressed = compressed
        self._seen = 0

    def __iter__(self) -> Iterator[bytes]:
        parts = self._parts()
        given = 0
        for part in self._decompressed(parts) if self._compressed else parts:
            given += len(part)
            if max(given, self._seen) > self._largest:
                raise self._cut(f"sent more than {self._largest} bytes without an end", Ending.TOO_LARGE)
            if time.monotonic() > self._deadline:
                raise self._late()
            yield part

    def _parts(self) -> Iterator[bytes]:
        try:
            for part in self._inner:
                self._seen += len(part)
                yield part
        except httpx.TimeoutException as error:
            if time.monotonic() >= self._deadline:
                raise self._late() from error
            raise self._cut(f"fell silent after {self._seen} bytes", Ending.SILENT) from error
        except httpx.TransportError as error:
            cause = f"broke off in the middle of its answer after {self._seen} bytes: {_said(error)}"
            raise self._cut(cause, _ending(error)) from error

    def _decompressed(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Decompress in small steps: what is a few bytes on the wire may be gigabytes."""
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            for part in parts:
                rest = part
                while rest:
                    yield inflate.decompress(rest, DECOMPRESSED_AT_ONCE)
                    rest = inflate.unconsumed_tail
            yield inflate.flush()
            if self._seen and not inflate.eof:
                raise self._cut(f"ended inside its compressed data, after {self._seen} bytes", Ending.CLOSED)
        except zlib.error as error:
            raise self._cut(f"is not compressed as its head says: {error}", Ending.GARBLED) from error

    def _late(self) -> CutOffError:
        return self._cut(f"was still sending after its deadline ({self._seen} bytes so far)", Ending.LATE)

    def _cut(self, what: str, ending: Ending) -> CutOffError:
        return CutOffError(f"{self._url} {what}", ending)

    def close(self) -> None:
        """Close the connection's side of it."""
        self._inner.close()


def _said(error: Exception) -> str:
    said = str(error) or type(error).__name__
    return said if len(said) <= LONGEST_CAUSE else f"{said[:LONGEST_CAUSE]}…"


def _ending(error: httpx.TransportError) -> Ending:
    if not isinstance(error, httpx.RemoteProtocolError):
        return Ending.RESET
    return Ending.CLOSED if "closed connection" in str(error) else Ending.GARBLED


class BoundedTransport(httpx.BaseTransport):
    """Refuses what the target does not allow, and ends what does not end by itself."""

    def __init__(
        self, inner: httpx.BaseTransport, *, may_write: bool, total_s: float, largest: int = LARGEST_BODY
    ) -> None:
        self._inner, self._may_write, self._total_s, self._largest = inner, may_write, total_s, largest

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        The body comes decompressed; how it was compressed is the answer's extension ``coding``.

        Raises:
            WriteRefusedError: an unsafe method towards a target that allows no writes.
            ProbeError: no answer, none in time, or one that is compressed in an unknown way.

        """
        if not self._may_write and request.method not in SAFE_METHODS and not request.extensions.get("reads"):
            raise WriteRefusedError(
                f'{request.method} {request.url} refused: the target says writes = "none"'
            )
        deadline = time.monotonic() + self._total_s
        request.extensions["timeout"] = patient(request.extensions.get("timeout", {}), deadline)
        try:
            response = self._answered(request)
        except httpx.TimeoutException as error:
            raise ProbeError(
                f"{request.method} {request.url}: no answer in time ({type(error).__name__})"
            ) from error
        except httpx.TransportError as error:
            raise ProbeError(f"{request.method} {request.url}: {_no_answer(error)}") from error
        return self._bounded(response, request, deadline)

    def _answered(self, request: httpx.Request) -> httpx.Response:
        """Send it; again where a connection that was kept open is lost before the answer begins.

        A server may end such a connection at any time, after an answer too, and the next request may
        cross that on its way (RFC 9112, 9.5). What came over a connection of its own is not asked again,
        and nothing that writes is.
        """
        reads = request.method in SAFE_METHODS or bool(request.extensions.get("reads"))
        opened = list[str]()

        def note(event: str, _: Mapping[str, Any]) -> None:
            opened.extend([event] if event == "connection.connect_tcp.started" else [])

        request.extensions["trace"] = note
        while True:  # each turn takes one kept connection out of the pool
            try:
                return self._inner.handle_request(request)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                garbled = isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error)
                if opened or garbled or not reads:
                    raise

    def _bounded(self, response: httpx.Response, request: httpx.Request, deadline: float) -> httpx.Response:
        coding = response.headers.pop("content-encoding", "").strip().lower()
        if coding not in CODINGS | {"", "identity"}:
            response.close()
            raise ProbeError(
                f"{request.method} {request.url} answers in Content-Encoding {coding[:40]!r}, "
                "which was not asked for"
            )
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.extensions["coding"] = coding
        response.stream = _BoundedStream(
            response.stream, request.url, deadline, self._largest, compressed=coding in CODINGS
        )
        return response

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()


def _no_answer(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return f"what came is no HTTP/1.1 answer: {_said(error)}"
    if isinstance(error, httpx.ReadError):
        return f"the connection was lost before the answer began: {_said(error)}"
    return _said(error)


def bounded_client(
    *,
    may_write: bool,
    base_url: str = "",
    headers: dict[str, str] | None = None,
    answer_s: float = SILENCE_S,
    total_s: float | None = None,
    largest: int = LARGEST_BODY,
    **options: Any,
) -> httpx.Client:
    """Make a client for one target. It follows no redirect.

    Args:
        may_write: whether methods beyond GET, HEAD and OPTIONS may be sent. A request that only
            reads although it is a POST (a search, a chat) says so: ``extensions={"reads": True}``.
        base_url: prefix of relative URLs.
        headers: sent with every request.
        answer_s: longest silence, in seconds: to connect, and between two parts of an answer.
        total_s: longest time for one whole exchange, in seconds, from its first byte out to its last in;
            20 s more than one silence where None.
        largest: most bytes of one answer, compressed and decompressed.
        **options: passed to ``httpx.Client``.

    """
    context = httpx.create_ssl_context(options.pop("verify", True), trust_env=False)
    inner = httpx.HTTPTransport(verify=context, trust_env=False)
    # httpx gives no way to name the network backend, and no other place knows each read of a socket.
    inner._pool = deadline_pool(context)  # noqa: SLF001
    return httpx.Client(
        transport=BoundedTransport(
            inner,
            may_write=may_write,
            total_s=answer_s + SENDING_S if total_s is None else total_s,
            largest=largest,
        ),
        base_url=base_url,
        headers={"Accept-Encoding": "gzip", **(headers or {})},
        timeout=answer_s,
        trust_env=False,
        **options,
    )
