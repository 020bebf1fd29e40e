"""Who else reaches an endpoint: outsiders by another address, pages in browsers, listeners on the way."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.endpoint import ChatEndpoint

KNOCK_S = 8.0
FOREIGN_ORIGIN = "https://a-page-of-somebody-else.example"
REFUSING = frozenset({401, 403, 404, 407, 410, 421, 451})
"""Statuses that say: not for you, or nothing here (proxies hide what they do not pass on)."""
PRIVATE_NAMES = (".localhost", ".local", ".internal", ".home.arpa")
SHARED_SPACE = ipaddress.ip_network("100.64.0.0/10")
"""RFC 6598; overlay networks such as Tailscale's number their machines from it."""
EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Knock:
    """One request of an outsider, and what came of it."""

    how: str
    """``GET /models with the key``."""
    status: int | None
    """None: no answer."""
    said: str
    """The answer's beginning, or why there was none."""
    elsewhere: bool = False
    """It was sent on to another host: to a page where people sign in, mostly."""

    @property
    def refused(self) -> bool:
        """Whether the outsider was turned away: no connection, no answer, a refusal, or a page to sign in."""
        return self.status is None or self.status in REFUSING or self.elsewhere

    @property
    def served(self) -> bool:
        """Whether the server looked at the request: it answered, or told what is wrong with it."""
        return self.status is not None and not self.refused and self.status // 100 in {2, 4}


def knock(endpoint: ChatEndpoint, outside_url: str) -> tuple[Knock, ...]:
    """Try to list the models and to chat from outside, with the endpoint's key and without.

    Certificates are not verified: whoever wants in does not do so either.

    Raises:
        ProbeError: the outside address has no name in DNS, so that nothing was tried.

    """
    chat = endpoint.body("Hello.", max_tokens=1)
    tries = [
        (method, path, content, key)
        for method, path, content in (("GET", "models", None), ("POST", "chat/completions", chat))
        for key in dict.fromkeys((endpoint.key, None))
    ]
    with (
        httpx.Client(verify=False, timeout=KNOCK_S, trust_env=False) as client,  # noqa: S501  see above
        ThreadPoolExecutor(len(tries)) as outsiders,
    ):
        return tuple(outsiders.map(lambda t: _knock(client, outside_url, *t), tries))


def _knock(
    client: httpx.Client, url: str, method: str, path: str, content: bytes | None, key: str | None
) -> Knock:
    how = f"{method} /{path} {'with the key' if key else 'without a key'}"
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        with client.stream(method, f"{url}/{path}", content=content, headers=headers) as answer:
            location = answer.headers.get("location", "")
            goal = urlsplit(urljoin(f"{url}/{path}", location)).hostname
            elsewhere = answer.is_redirect and goal != urlsplit(url).hostname
            beginning = next(answer.iter_bytes(), b"")[:EXCERPT].decode(errors="replace")
            said = f"sent on to {location}" if answer.is_redirect else repr(beginning)
            return Knock(how, answer.status_code, said, elsewhere)
    except httpx.TransportError as error:
        if _unnamed(error):
            host = urlsplit(url).hostname
            raise ProbeError(f"{host} has no address in DNS: nothing was tried from outside") from error
        return Knock(how, None, str(error) or type(error).__name__)


def _unnamed(error: BaseException) -> bool:
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, socket.gaierror):
            return True
        link = link.__cause__ or link.__context__
    return False


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """What an endpoint tells the browser that asks for a page of somebody else."""

    how: str
    status: int
    allowed: str | None
    """``Access-Control-Allow-Origin``; None: not sent, so that the browser keeps the answer from the page."""


def ask_across_origins(endpoint: ChatEndpoint) -> tuple[CrossOrigin, ...]:
    """Ask as a browser does for a foreign page: whether it may chat, and for the models.

    Raises:
        ProbeError: no answer.

    """
    asks = {
        "Origin": FOREIGN_ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    with endpoint.client() as client:
        allows = "access-control-allow-origin"
        may = client.request("OPTIONS", "chat/completions", headers=asks)
        models = client.get("models", headers={"Origin": FOREIGN_ORIGIN})
        return (
            CrossOrigin("OPTIONS /chat/completions", may.status_code, may.headers.get(allows)),
            CrossOrigin("GET /models", models.status_code, models.headers.get(allows)),
        )


def lies_in_private(url: str) -> bool:
    """Tell whether a host is this machine or in a private network, by its address or its name alone.

    Private are loopback, RFC 1918, ULA, link-local and shared (RFC 6598) addresses, names below
    ``.internal``, ``.local``, ``.localhost`` and ``.home.arpa``, and names without a dot, which only a
    private network resolves.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(PRIVATE_NAMES)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return address.is_private or (address.version == SHARED_SPACE.version and address in SHARED_SPACE)


def outdated_protocols(url: str) -> tuple[str, ...]:
    """Give the versions of TLS before 1.2 that a server still speaks (RFC 8996 says: none).

    Raises:
        ProbeError: no TLS connection at all, with whatever version.

    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    if trouble := _handshake(host, port, None):
        raise ProbeError(f"{host}:{port} does no TLS: {trouble}")
    return tuple(name for name, version in _outdated() if _handshake(host, port, version) is None)


def _outdated() -> Iterator[tuple[str, ssl.TLSVersion]]:
    yield "TLS 1.0", ssl.TLSVersion(0x0301)
    yield "TLS 1.1", ssl.TLSVersion(0x0302)


def _handshake(host: str, port: int, only: ssl.TLSVersion | None) -> str | None:
    """Shake hands with one version or any; give why that did not work, None where it did."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if only:
        context.set_ciphers("ALL:@SECLEVEL=0")  # this side must be willing, or it proves nothing
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = context.maximum_version = only
    try:
        with (
            socket.create_connection((host, port), timeout=KNOCK_S) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return None
    except OSError as error:
        return str(error) or type(error).__name__
