"""Every way of not answering ends in bounded time, as a cause in words."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shipworthy.probes.reachability import Answer, Endpoint, log_in, reach

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve connections with ``talk`` until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(connection,), daemon=True).start()

    def converse(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            secured = tls.wrap_socket(connection, server_side=True) if tls else connection
            secured.recv(65_536)
            talk(secured)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield "{}://127.0.0.1:{}".format("https" if tls else "http", listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def ask(url: str, *, trust: ssl.SSLContext | None = None, **options: object) -> Answer:
    (answer,) = reach([Endpoint("gateway.url", url, within_s=1.0, **options)], trust=trust)
    return answer


def says(text: bytes) -> Talk:
    return lambda connection: connection.sendall(text)


def never(connection: socket.socket) -> None:
    connection.recv(1)


def without_end(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 1000)
        time.sleep(0.01)


def flooding(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 1_000_000)


def dripping_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        connection.sendall(f"X-{number}: x\r\n".encode())
        time.sleep(0.1)


def test_a_healthy_endpoint_is_reached():
    with server(says(OK)) as url:
        answer = ask(url)

    assert answer.reached
    assert (answer.status, answer.trouble, answer.certificate_days_left) == (200, None, None)


@pytest.mark.parametrize(
    ("talk", "cause"),
    [
        (never, "no answer in 1 s"),
        (without_end, "the answer had no end"),
        (flooding, "the answer had no end"),
        (dripping_headers, "no answer in 1 s"),
        (says(b""), "the connection broke"),
        (says(b"SSH-2.0-OpenSSH\r\n"), "the connection broke"),
    ],
    ids=["silent", "endless", "flooding", "dripping headers", "closing", "another protocol"],
)
def test_what_never_answers_ends_in_time_with_its_cause(talk, cause):
    started = time.monotonic()
    with server(talk) as url:
        answer = ask(url)

    assert not answer.reached
    assert cause in answer.trouble
    assert time.monotonic() - started < 5


def test_a_port_where_nothing_listens_is_refused():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]

    assert "refused" in ask(f"http://127.0.0.1:{port}").trouble


def test_a_name_that_does_not_exist_is_a_matter_of_dns():
    assert ask("http://no-such-host.invalid").trouble in {
        "its name does not resolve (DNS)",
        "no answer in 1 s",
    }


@pytest.mark.parametrize(
    ("status", "options", "reached"),
    [
        (503, {}, False),
        (404, {}, False),
        (404, {"healthy": False}, True),
        (503, {"healthy": False}, False),
        (401, {}, False),
        (401, {"keyed": True}, True),
        (307, {}, True),
    ],
)
def test_how_healthy_an_answer_must_be_depends_on_the_endpoint(status, options, reached):
    with server(says(b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % status)) as url:
        assert ask(url, **options).reached is reached


def test_all_endpoints_are_asked_at_once():
    started = time.monotonic()
    with server(never) as url:
        answers = reach([Endpoint(f"part {number}", url, within_s=1.0) for number in range(20)])

    assert len(answers) == 20
    assert time.monotonic() - started < 5


def test_it_works_where_an_event_loop_runs_already():
    import asyncio

    async def outer() -> Answer:
        return ask(url)

    with server(says(OK)) as url:
        assert asyncio.run(outer()).reached


def test_a_certificate_of_nobody_is_refused(certificate):
    with server(says(OK), certificate(days=90).server) as url:
        assert "its TLS certificate is refused" in ask(url).trouble


def test_the_days_of_a_certificate_are_counted(certificate):
    made = certificate(days=9)
    with server(says(OK), made.server) as url:
        answer = ask(url, trust=made.client)

    assert answer.reached
    assert 8.9 < answer.certificate_days_left < 9.1


def test_an_expired_certificate_is_refused(certificate):
    made = certificate(days=-1)
    with server(says(OK), made.server) as url:
        assert "expired" in ask(url, trust=made.client).trouble


def test_a_database_that_is_not_there_is_named_without_its_password():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]

    answer = log_in("database.live", f"postgresql://postgres:pa55word-1@127.0.0.1:{port}/postgres")

    assert not answer.reached
    assert answer.endpoint.url == f"127.0.0.1:{port}/postgres"
    assert "pa55word-1" not in repr(answer)


class Certificate:
    """A self-signed certificate for 127.0.0.1, for a server and for a client that believes it."""

    def __init__(self, folder: Path, days: int) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        now = dt.datetime.now(dt.UTC)
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=30))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(alternative, critical=False)
            .sign(key, hashes.SHA256())
        )
        chain, private = folder / "chain.pem", folder / "key.pem"
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(chain, private)
        self.client = ssl.create_default_context(cafile=str(chain))


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[..., Certificate]:
    return lambda *, days: Certificate(tmp_path, days)
