"""Deployments that start at the same moment do not take each other's ports."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from fixtures.reference.ports import PortTakenError, ports_for

PARTS = [f"part-{number}" for number in range(10)]


def test_no_two_deployments_hold_one_port() -> None:
    with ExitStack() as held:
        chosen = [held.enter_context(ports_for(PARTS, {})) for _ in range(20)]
        numbers = [port for ports in chosen for port in ports.values()]
    assert len(set(numbers)) == len(numbers) == 200


def test_a_wanted_port_is_given_and_a_taken_one_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"part-3: port {port} of 127.0.0.1 is taken"):
            ports_for(PARTS, {"part-3": port}).__enter__()
    with ports_for(PARTS, {"part-3": port}) as ports:
        assert ports["part-3"] == port
        assert len(set(ports.values())) == len(PARTS)
