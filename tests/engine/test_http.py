"""The client that checks use cannot be held up, and cannot write where it may not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from shipworthy.errors import ProbeError, WriteRefusedError
from shipworthy.probes.http import bounded_client

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve each connection with raw bytes until the test is over."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    answer(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/part"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_an_endpoint_that_never_answers_could_not_be_looked_at() -> None:
    released = threading.Event()
    with (
        serving(lambda _: released.wait(20) and None) as url,
        bounded_client(may_write=False, answer_s=0.5) as client,
    ):
        with pytest.raises(ProbeError, match=r"/part: no answer in time"):
            client.get(url)
        released.set()


def test_an_endless_answer_ends_at_its_size() -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n")
        while True:
            connection.sendall(b"x" * 1_000_000)

    cut_off = pytest.raises(ProbeError, match="sent more than 33554432 bytes without an end")
    with serving(answer) as url, bounded_client(may_write=False) as client, cut_off:
        client.get(url)


def test_an_answer_in_drops_ends_at_its_deadline() -> None:
    released = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n")
        while not released.wait(0.05):
            connection.sendall(b"x")

    with serving(answer) as url, bounded_client(may_write=False, total_s=0.5) as client:
        with pytest.raises(ProbeError, match="was still sending after its deadline"):
            client.get(url)
        released.set()


def test_an_answer_that_breaks_off_could_not_be_looked_at() -> None:
    half = HEAD + b"Content-Length: 100\r\n\r\nhalf"
    broken_off = pytest.raises(ProbeError, match="broke off in the middle")
    with (
        serving(lambda peer: peer.sendall(half)) as url,
        bounded_client(may_write=False) as client,
        broken_off,
    ):
        client.get(url)


def test_a_refused_connection_names_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with bounded_client(may_write=False) as client, pytest.raises(ProbeError, match=f"127.0.0.1:{port}"):
        client.get(f"http://127.0.0.1:{port}/part")


def test_nothing_is_written_to_a_target_that_allows_no_writes() -> None:
    with serving(
        lambda connection: connection.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nok")
    ) as url:
        with bounded_client(may_write=False) as client:
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                with pytest.raises(WriteRefusedError, match=f'{method} .* the target says writes = "none"'):
                    client.request(method, url)
            assert client.get(url).text == "ok"
            assert client.post(url, extensions={"reads": True}).text == "ok"
        with bounded_client(may_write=True) as client:
            assert client.delete(url).text == "ok"
