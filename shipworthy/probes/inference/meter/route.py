"""The way to an endpoint: everything about its requests that is known before one is sent."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.endpoint import ChatEndpoint

CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint's address, resolved once, and the head of its requests."""

    address: str
    port: int
    host: str
    """As its certificate must say."""
    tls: ssl.SSLContext | None
    head: bytes
    """Up to and with the name of ``Content-Length``."""

    def request(self, body: bytes) -> bytes:
        """Give the bytes of one request; the connection ends with its answer, so nothing frames it."""
        return b"%b%d\r\n\r\n%b" % (self.head, len(body), body)


def route_to(endpoint: ChatEndpoint) -> Route:
    """Resolve an endpoint's name and write the head of its requests.

    Raises:
        ProbeError: the name has no address, or the URL or the key cannot stand in a request.

    """
    url = urlsplit(endpoint.url)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ProbeError(f"{endpoint.name}: {endpoint.url} is no http or https address")
    port = url.port or (443 if url.scheme == "https" else 80)
    lines = (
        f"POST {url.path.rstrip('/')}/chat/completions HTTP/1.1",
        f"Host: {url.netloc.rpartition('@')[2]}",
        *((f"Authorization: Bearer {endpoint.key}",) if endpoint.key else ()),
        "Content-Type: application/json",
        "Accept: text/event-stream",
        "Accept-Encoding: identity",
        "User-Agent: shipworthy",
        "Connection: close",
        "Content-Length: ",
    )
    if any("\r" in line or "\n" in line for line in lines):
        raise ProbeError(f"{endpoint.name}: its URL or its key holds a line break")
    return Route(
        address=_address(endpoint.name, url.hostname, port),
        port=port,
        host=url.hostname,
        tls=_tls() if url.scheme == "https" else None,
        head="\r\n".join(lines).encode(),
    )


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _address(name: str, host: str, port: int) -> str:
    """Give the first address that takes a connection; where there is one only, it is not tried."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ProbeError(f"{name}: {host} has no address: {error}") from error
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    for address in addresses[1:] and addresses:
        try:
            socket.create_connection((address, port), timeout=CONNECT_S).close()
        except OSError:
            continue
        return address
    return addresses[0]
