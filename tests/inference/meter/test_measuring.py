"""The meter's process against real servers: what it sends, what it bounds, what it tells."""

from __future__ import annotations

import json
import threading

import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.inference import ChatEndpoint
from shipworthy.probes.inference.meter import Measurement, Phase, Plan, Request, measure, streamed
from tests.inference.meter.conftest import ANSWER, HEAD, measured, plan_for, sample, send

CHUNKED = HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_a_plan_survives_being_told(start):
    endpoint = start()
    plan = plan_for(endpoint, 3, 2, request_s=5)
    assert Plan.from_json(plan.as_json()) == plan


def test_each_request_is_one_post_on_a_connection_of_its_own(speak):
    asked: list[bytes] = []

    def script(connection, request: bytes) -> None:
        asked.append(request)
        connection.sendall(HEAD + ANSWER)

    measurement = measure(plan_for(speak(script), 3))
    assert len(asked) == len(measurement.samples) == 3
    assert not measurement.misses
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    for line in (b"Authorization: Bearer sk-key", b"Connection: close", b"Accept-Encoding: identity"):
        assert line in head.split(b"\r\n")
    assert json.loads(body)["stream"] is True


def test_samples_come_in_the_order_of_the_plan_and_warm_ups_not_at_all(start):
    endpoint = start(slots=3)
    requests = tuple(Request(streamed(endpoint, f"ship {n}", max_tokens=2), label=str(n)) for n in range(12))
    plan = Plan((endpoint,), (Phase(requests[:3], callers=3, counts=False), Phase(requests[3:], callers=3)))
    for processes in (1, 2, 5):
        measurement = measure(plan, processes=processes)
        assert [s.label for s in measurement.samples] == [str(n) for n in range(3, 12)]
        assert {s.phase for s in measurement.samples} == {1}
        assert measurement.lateness.processes == processes
        assert not measurement.misses


def test_an_open_loop_sends_at_its_times_whatever_became_of_others(speak):
    together = threading.Barrier(4, timeout=20)

    def script(connection, _: bytes) -> None:
        together.wait()  # no answer before the last request is there
        connection.sendall(HEAD + ANSWER)

    endpoint = speak(script)
    times_s = (0.06, 0.0, 0.04, 0.02)
    requests = tuple(Request(streamed(endpoint, "x", max_tokens=2), at_s=at_s) for at_s in times_s)
    measurement = measure(Plan((endpoint,), (Phase(requests),)))
    assert not measurement.misses
    intended = [s.intended_s - measurement.samples[1].intended_s for s in measurement.samples]
    assert intended == pytest.approx(times_s, abs=1e-5)
    assert all(s.sent_s >= s.intended_s for s in measurement.samples)


def test_one_measurement_may_ask_several_endpoints(start, speak):
    endpoints = (start(), speak(send(HEAD + ANSWER)))
    requests = tuple(
        Request(streamed(endpoints[n % 2], "x", max_tokens=2), endpoint=n % 2, label="ab"[n % 2])
        for n in range(6)
    )
    measurement = measure(Plan(endpoints, (Phase(requests, callers=2),)))
    assert [len(measurement.of(endpoint=n)) for n in (0, 1)] == [3, 3]
    assert measurement.of(endpoint=1) == measurement.of(label="b")


def test_a_refused_connection_is_a_miss():
    endpoint = ChatEndpoint("e", "http://127.0.0.1:1/v1", "m")
    (only,) = measure(plan_for(endpoint)).samples
    assert only.miss
    assert only.miss.startswith("no connection")


def test_a_name_without_address_cannot_be_measured():
    endpoint = ChatEndpoint("inference.instant", "http://nowhere.invalid/v1", "m")
    with pytest.raises(ProbeError, match=r"inference\.instant: nowhere\.invalid has no address"):
        measure(plan_for(endpoint))


def test_an_answer_without_end_is_broken_off(speak):
    def endless(connection, _: bytes) -> None:
        connection.sendall(HEAD)
        while True:
            connection.sendall(b": ping\n\n" * 1000)

    (only,) = measure(plan_for(speak(endless), longest_answer=100_000)).samples
    assert only.miss == "the answer is longer than what is read: broken off"
    measurement = measure(plan_for(speak(endless), 3, most_bytes=100_000))
    assert len(measurement.misses) == 3
    assert measurement.bytes_read < 3_000_000


def test_an_answer_that_does_not_end_in_time_is_given_up(speak):
    silent = threading.Event()
    endpoint = speak(lambda connection, _: (connection.sendall(HEAD), silent.wait(20)))
    (only,) = measure(plan_for(endpoint, request_s=0.3)).samples
    silent.set()
    assert only.miss == "not over after 0.3 s"


def test_what_the_whole_time_does_not_suffice_for_is_not_sampled(speak):
    silent = threading.Event()
    endpoint = speak(lambda _, __: silent.wait(20))
    measurement = measure(plan_for(endpoint, 5, 2, total_s=0.5))
    silent.set()
    assert measurement.misses == ("the whole measurement's time ran out",) * 2
    assert measurement.unsent == 3


def test_a_server_that_keeps_the_connection_open_is_hung_up_on(speak):
    over = threading.Event()

    def script(connection, _: bytes) -> None:
        connection.sendall(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ANSWER), ANSWER))
        connection.recv(1)  # until the meter hangs up
        over.set()

    (only,) = measure(plan_for(speak(script))).samples
    assert only.miss is None
    assert over.wait(10)


def test_a_reset_in_the_middle_is_a_miss(speak):
    import socket
    import struct

    def script(connection, _: bytes) -> None:
        connection.sendall(HEAD + ANSWER[:40])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    (only,) = measure(plan_for(speak(script))).samples
    assert only.miss


def test_answers_that_were_refused_are_misses_not_fast(start):
    measurement = measure(plan_for(start(slots=1, queue=0), 12, 6))
    assert measurement.misses
    assert all(miss.startswith("HTTP 429") for miss in measurement.misses)
    assert all(s.first_token_s is None and not s.tokens_per_second for s in measurement.samples if s.miss)


def test_raw_samples_survive_being_kept(start):
    measurement = measure(plan_for(start(), 4, 2))
    assert Measurement.from_json(json.loads(json.dumps(measurement.as_json()))) == measurement


def test_an_extension_follows_what_it_extends():
    first = measured(sample(intended_s=0.5), elapsed_s=2.0)
    both = first + measured(sample(intended_s=0.5), elapsed_s=3.0, unsent=1)
    assert [s.intended_s for s in both.samples] == [0.5, 2.5]
    assert (both.elapsed_s, both.unsent) == (5.0, 1)


@pytest.mark.parametrize("phases", [(), (Phase((), callers=1),)])
def test_a_plan_that_counts_nothing_is_refused(phases: tuple[Phase, ...]):
    with pytest.raises(ValueError, match="needs requests"):
        measure(Plan((ChatEndpoint("e", "http://127.0.0.1:1/v1", "m"),), phases))


def test_loops_are_closed_or_open():
    with pytest.raises(ValueError, match="at_s"):
        Phase((Request("{}"),))
    with pytest.raises(ValueError, match="one caller"):
        Phase((Request("{}"),), callers=0)
