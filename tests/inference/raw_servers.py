"""Servers that send exactly the bytes they are told, with pauses, and end as they are told."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CHUNKED = b"Transfer-Encoding: chunked\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@dataclass(frozen=True, slots=True)
class Peer:
    """The server's side of one connection, once a request has come."""

    socket: socket.socket
    over: threading.Event
    """The test is over: nobody waits any more."""

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def chunk(self, content: bytes) -> None:
        """Send one chunk of a chunked body."""
        self.send(b"%x\r\n%b\r\n" % (len(content), content))

    def forever(self, content: bytes, pause_s: float = 0.0) -> None:
        """Send the same again and again until the caller has left."""
        while not self.over.wait(pause_s):
            self.send(content)

    def wait(self) -> None:
        """Say nothing more."""
        self.over.wait(30)

    def reset(self) -> None:
        """Drop the connection with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Answer = Callable[[Peer], None]


@contextmanager
def raw_server(answer: Answer, tls: ssl.SSLContext | None = None, *, listens: bool = True) -> Iterator[str]:
    """Answer each connection once, after its request or (``listens=False``) as soon as it is open.

    Gives the address up to ``/v1``.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=meet, args=(connection,), daemon=True).start()

    def meet(connection: socket.socket) -> None:
        with connection:
            try:
                served = tls.wrap_socket(connection, server_side=True) if tls else connection
                if listens:
                    read_request(served)
                answer(Peer(served, over))
                served.close()
            except OSError:
                return  # the caller has left, as it should

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def read_request(connection: socket.socket) -> None:
    """Read all of it: closing a socket with something unread is a reset, not an end."""
    with connection.makefile("rb") as reader:
        length = 0
        while line := reader.readline().strip().lower():
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        reader.read(length)


def self_signed(folder: Path) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    both = folder / "certificate.pem"
    both.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context
