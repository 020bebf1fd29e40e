"""What outsiders, browsers and listeners get of an endpoint."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route

from shipworthy import ProbeError
from shipworthy.probes.inference.reach import ask_across_origins, knock, lies_in_private, outdated_protocols
from tests.faults.judging import judge
from tests.inference.conftest import KEY
from tests.preflight.test_reachability import Certificate
from tests.serving import serving

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
CHECK = "inference.reach.prompts_travel_encrypted"


def outside(endpoint) -> str:
    return endpoint.url.replace("/v1", "/outside/v1")


def test_a_closed_door_refuses_with_the_key_and_without(start):
    endpoint = start()
    knocks = knock(endpoint, outside(endpoint))
    assert [tried.how for tried in knocks] == [
        "GET /models with the key",
        "GET /models without a key",
        "POST /chat/completions with the key",
        "POST /chat/completions without a key",
    ]
    assert all(tried.refused and tried.status == 403 for tried in knocks)
    assert not any(tried.served for tried in knocks)


@pytest.mark.parametrize(
    ("fault", "served"),
    [
        ("reachable_from_outside", {"with the key"}),
        ("reachable_without_key", {"with the key", "without a key"}),
    ],
)
def test_an_open_door_shows_whom_it_serves(start, fault: str, served: set[str]):
    endpoint = start(fault)
    knocks = knock(endpoint, outside(endpoint))
    assert {tried.how.partition(" /")[2].partition(" ")[2] for tried in knocks if tried.served} == served
    assert all(tried.refused for tried in knocks if not tried.served)


def test_a_door_that_nobody_opens_is_closed(start):
    assert all(tried.refused for tried in knock(start(), "http://127.0.0.1:9/v1"))


def test_a_name_without_an_address_was_not_tried(start):
    with pytest.raises(ProbeError, match="no address in DNS"):
        knock(start(), "http://nobody.invalid/v1")


@pytest.mark.parametrize(
    ("answer", "refused", "served"),
    [
        (lambda _: RedirectResponse("https://login.example.com/"), True, False),
        (lambda _: RedirectResponse("/v1/"), False, False),
        (lambda _: PlainTextResponse("no such app", 404), True, False),
        (lambda _: PlainTextResponse("bad gateway", 502), False, False),
        (lambda _: PlainTextResponse("slow down", 429), False, True),
        (lambda _: PlainTextResponse("max_tokens?", 422), False, True),
    ],
    ids=["sign-in", "same host", "hidden", "broken", "limited", "looked at"],
)
def test_answers_of_a_door(start, answer, refused: bool, served: bool):
    routes = [Route("/v1/{path:path}", answer, methods=["GET", "POST"])]
    with serving(Starlette(routes=routes)) as url:
        knocks = knock(start(), f"{url}/v1")
    assert {(tried.refused, tried.served) for tried in knocks} == {(refused, served)}


def test_an_endpoint_without_a_key_is_tried_without(start):
    endpoint = replace(start(), key=None)
    assert {tried.how for tried in knock(endpoint, outside(endpoint))} == {
        "GET /models without a key",
        "POST /chat/completions without a key",
    }


def test_browsers_are_allowed_only_where_the_header_says_so(start):
    assert {answer.allowed for answer in ask_across_origins(start())} == {None}
    assert {answer.allowed for answer in ask_across_origins(start("open_to_browsers"))} == {"*"}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://localhost/v1",
        "http://[::1]:8000/v1",
        "http://[::ffff:10.0.0.1]/v1",
        "http://10.1.2.3/v1",
        "http://172.31.0.9/v1",
        "http://192.168.7.7/v1",
        "http://100.100.20.3/v1",
        "http://[fd12:3456::1]/v1",
        "http://gpu.internal/v1",
        "http://vllm.serving.svc.cluster.local:8000/v1",
        "http://vllm:8000/v1",
    ],
)
def test_private_addresses_may_be_plain(url: str):
    assert lies_in_private(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://gpu.example.com/v1",
        "http://203.0.114.9/v1",
        "http://172.32.0.1/v1",
        "http://[2606:4700::1111]/v1",
        "http://[::ffff:8.8.8.8]/v1",
        "http://internal.example.com/v1",
    ],
)
def test_public_addresses_may_not(url: str):
    assert not lies_in_private(url)


@contextmanager
def shaking_hands(context: ssl.SSLContext) -> Iterator[str]:
    """A server that does nothing but TLS handshakes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with (
                        connection,
                        suppress(OSError),
                        context.wrap_socket(connection, server_side=True) as tls,
                    ):
                        tls.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def context_of(tmp_path: Path, oldest: int) -> ssl.SSLContext:
    context = Certificate(tmp_path, days=90).server
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion(oldest)
    return context


@pytest.mark.parametrize(
    ("oldest", "outdated"), [(0x0301, ("TLS 1.0", "TLS 1.1")), (0x0302, ("TLS 1.1",)), (0x0303, ())]
)
def test_outdated_protocols_are_named(tmp_path: Path, oldest: int, outdated: tuple[str, ...]):
    with shaking_hands(context_of(tmp_path, oldest)) as url:
        assert outdated_protocols(url) == outdated


def test_a_server_without_tls_cannot_be_judged_by_its_versions(start):
    with pytest.raises(ProbeError, match="does no TLS"):
        outdated_protocols(start().url.replace("http://", "https://"))


def test_what_does_not_travel_encrypted_is_found_by_the_check(tmp_path: Path):
    target = tmp_path / "targets" / "plain.toml"
    target.parent.mkdir()
    with shaking_hands(context_of(tmp_path, 0x0301)) as url:
        target.write_text(
            'name = "plain"\n[inference.instant]\nurl = "http://gpu.example.com/v1"\nmodel = "instant-1"\n'
            f'[inference.thinking]\nurl = "{url}"\nmodel = "thinking-1"\n'
        )
        judgement = judge(tmp_path, "plain", "-n", "0", "--check", CHECK)
    record = judgement.of(CHECK)
    assert record["outcome"] == "failed"
    assert [finding["saw"] for finding in record["findings"]] == [
        "plain http to a public host",
        "it still speaks TLS 1.0 and TLS 1.1",
    ]


def test_preflight_does_not_ask_an_address_that_must_refuse(start, tmp_path: Path):
    check = "preflight.reachability.every_declared_endpoint_answers"
    target = tmp_path / "targets" / "closed.toml"
    target.parent.mkdir()
    target.write_text(
        f'name = "closed"\n[inference.instant]\nurl = "{start().url}"\nmodel = "instant-1"\n'
        f'api_key = "{KEY}"\noutside_url = "http://127.0.0.1:9/v1"\n'
    )
    judgement = judge(tmp_path, "closed", "-n", "0", "--check", check)
    assert judgement.of(check)["outcome"] == "passed", judgement.said
