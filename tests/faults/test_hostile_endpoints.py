"""Whatever an endpoint sends, the gate says NO-GO: checks fail or are unverified, none breaks or hangs."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.faults.judging import CHECKS, judge
from tests.inference.raw_servers import STREAM, Answer, Peer, raw_server, self_signed

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
ZEROS = BOMB.compress(b"\0" * (64 << 20)) + BOMB.flush()
READING = ("inference.chat.", "inference.stream")
READS = [word for check in CHECKS if check.startswith(READING) for word in ("--check", check)]


def _sending(content: bytes) -> Answer:
    return lambda peer: peer.send(content)


def _endless(peer: Peer) -> None:
    peer.send(STREAM + b"\r\n")
    peer.forever(b'data: {"choices": []}\n\n' * 1000)


def _one_line(peer: Peer) -> None:
    peer.send(STREAM + b"\r\ndata: ")
    peer.forever(b"x" * 65536)


SERVERS: dict[str, tuple[Answer, str]] = {
    "resets": (Peer.reset, "connection was lost before the answer began"),
    "speaks HTTP/2": (_sending(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\r\n\r\n"), "no HTTP/1.1 answer"),
    "redirects": (
        _sending(b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"),
        "https://elsewhere.example/",
    ),
    "sends a bomb": (_sending(JSON + b"Content-Encoding: gzip\r\n\r\n" + ZEROS), "without an end"),
    "sends events without end": (_endless, "without an end"),
    "sends a line without end": (_one_line, "longer than 4194304 bytes"),
    "nests its JSON": (_sending(JSON + b"\r\n" + b"[" * 100_000), "[[[["),
    "answers nothing": (_sending(STREAM + b"Content-Length: 0\r\n\r\n"), "no chunk in 0 bytes"),
}


def target_of(folder: Path, url: str) -> str:
    """Write the target file of an endpoint that promises nothing but a model."""
    file = folder / "targets" / "hostile.toml"
    file.parent.mkdir()
    file.write_text(f'name = "hostile"\n[inference.instant]\nurl = "{url}"\nmodel = "m"\n', encoding="utf-8")
    return file.stem


def assert_refused(folder: Path, url: str, named: str) -> None:
    judgement = judge(folder, target_of(folder, url), "-n", "0", *READS)
    assert (judgement.code, judgement.verdict["verdict"]) == (1, "NO-GO"), judgement.said
    outcomes = {record["check"]: record["outcome"] for record in judgement.records}
    assert "error" not in outcomes.values(), judgement.said
    assert outcomes["inference.stream.streams_match_the_contract"] != "passed"
    assert named in judgement.said


@pytest.mark.parametrize("server", SERVERS)
def test_a_hostile_endpoint_is_refused_and_named(server: str, tmp_path: Path) -> None:
    answer, named = SERVERS[server]
    with raw_server(answer) as url:
        assert_refused(tmp_path, url, named)


def test_an_endpoint_with_a_certificate_of_its_own_is_refused_and_named(tmp_path: Path) -> None:
    with raw_server(_sending(JSON + b"\r\n{}"), self_signed(tmp_path)) as url:
        assert_refused(tmp_path, url, "self-signed certificate")
