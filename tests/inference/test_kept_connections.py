"""A server may end a connection that was kept open, whenever it likes; what it answers is asked for again."""

from __future__ import annotations

import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.http import bounded_client
from shipworthy.probes.inference import ask
from tests.inference.raw_servers import Peer, raw_server, read_request

ANSWER = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"


def answering(times: int, asked: list[int]):
    """Answer so many requests on each connection, read one more and reset the connection."""

    def answer(peer: Peer) -> None:
        for number in range(times):
            if number:
                read_request(peer.socket)
            asked.append(1)
            peer.send(ANSWER)
        if times:
            read_request(peer.socket)
        asked.append(0)
        peer.reset()

    return answer


def test_a_request_that_crossed_the_end_of_its_connection_is_sent_again():
    asked: list[int] = []
    with raw_server(answering(1, asked)) as url, bounded_client(may_write=False, base_url=url) as client:
        answers = [ask(client, "POST", "chat/completions", b"{}").status for _ in range(3)]

    assert answers == [500, 500, 500]
    assert asked[:5] == [1, 0, 1, 0, 1]


def test_a_new_connection_that_is_reset_is_no_answer_and_is_not_asked_twice():
    asked: list[int] = []
    with (
        raw_server(answering(0, asked)) as url,
        bounded_client(may_write=False, base_url=url) as client,
        pytest.raises(ProbeError, match="lost before the answer began"),
    ):
        ask(client, "POST", "chat/completions", b"{}")

    assert asked == [0]


def test_what_writes_is_not_sent_again():
    asked: list[int] = []
    with raw_server(answering(1, asked)) as url, bounded_client(may_write=True, base_url=url) as client:
        assert client.post("rows", content=b"{}").status_code == 500
        with pytest.raises(ProbeError, match="lost before the answer began"):
            client.post("rows", content=b"{}")

    assert asked == [1, 0]
