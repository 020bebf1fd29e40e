"""Callers who share an endpoint, and what shows where they meet."""

from __future__ import annotations

import pytest

from fixtures.reference.services.inference.app import make_app
from fixtures.reference.services.inference.changes import each_token
from fixtures.reference.services.inference.seam import Seam
from shipworthy import ProbeError
from shipworthy.probes.inference import ChatEndpoint
from shipworthy.probes.inference.abandoned import churn, descriptors_left, leave_streams, open_descriptors
from shipworthy.probes.inference.isolation import ask_in_waves, ask_under_orders, tokens_to_repeat
from tests.inference.conftest import KEY, settings
from tests.serving import serving


def leaks(waves) -> list:
    codes = [echo.code for wave in waves for echo in wave.echoes]
    return [echo for wave in waves for echo in wave.echoes if echo.foreign(codes)]


def test_each_caller_of_a_healthy_endpoint_gets_the_own_code_back(start):
    waves = ask_in_waves(start(slots=4), 16, (1, 4, 16))
    assert [len(wave.echoes) for wave in waves] == [2, 4, 16]
    assert all(echo.own for wave in waves for echo in wave.echoes)
    assert leaks(waves) == []


@pytest.mark.parametrize(("fault", "streamed"), [("mixes_up_streams", True), ("mixes_up_answers", False)])
def test_answers_that_were_mixed_up_show_the_code_of_another(start, fault: str, streamed: bool):
    found = leaks(ask_in_waves(start(fault, ttft_ms=30), 16, (1, 8)))
    assert found
    assert {echo.streamed for echo in found} == {streamed}
    assert not any(echo.own for echo in found)


def test_callers_who_are_turned_away_are_no_leak(start):
    (wave,) = ask_in_waves(start(slots=1, queue=0, ttft_ms=30), 16, (8,))
    refused = [echo for echo in wave.echoes if echo.trouble]
    assert refused
    assert all("429" in echo.trouble for echo in refused)
    assert leaks([wave]) == []


def test_as_many_tokens_are_asked_for_as_the_code_needs(start):
    assert tokens_to_repeat(start()) == 16


def test_an_endpoint_that_gives_no_code_back_cannot_be_judged(start):
    with pytest.raises(ProbeError, match=r"does not repeat the code.*HTTP 400"):
        tokens_to_repeat(start(context=12))


def test_two_system_prompts_are_kept_apart(start):
    echoes = ask_under_orders(start(), 32)
    assert all(echo.own for echo in echoes)
    assert not any(echo.foreign([other.code for other in echoes]) for echo in echoes)


def test_a_prompt_that_is_cached_by_its_question_shows_the_other_code(start):
    first, second, again, back = ask_under_orders(start("caches_system_prompts"), 32)
    assert first.own
    assert back.own
    assert second.foreign([first.code]) == again.foreign([first.code]) == (first.code,)


def test_callers_who_leave_a_healthy_endpoint_leave_their_slots(start):
    left = leave_streams(start(slots=2, ttft_ms=10, gap_ms=5), 8, 4, patience_s=5)
    assert (left.begun, left.trouble) == (8, None)


def test_a_first_token_that_is_part_of_a_character_is_an_answer_all_the_same():
    held_back = Seam(chunks=each_token(lambda number, chunk: [] if number == 1 else [chunk]))
    with serving(make_app(settings(slots=2, ttft_ms=10, gap_ms=5), held_back)) as url:
        endpoint = ChatEndpoint("inference.instant", f"{url}/v1", "instant-1", KEY)
        left = leave_streams(endpoint, 8, 4, patience_s=5)
    assert (left.begun, left.trouble) == (8, None)


def test_a_slot_that_is_never_given_back_lets_no_further_stream_begin(start):
    left = leave_streams(start("keeps_abandoned_slots", slots=2), 8, 4, patience_s=0.5)
    assert left.begun == 2
    assert "no answer in time" in left.trouble


def test_answers_that_are_finished_for_nobody_take_the_time_of_whole_answers(start):
    slow = {"slots": 2, "ttft_ms": 5, "gap_ms": 5}
    left = leave_streams(start("finishes_abandoned_answers", **slow), 8, 4, patience_s=20)
    assert left.trouble is None
    answers_before_the_last, shortest_s = 6 / 2, 40 * 0.005
    assert left.left_s > answers_before_the_last * shortest_s


def test_callers_who_are_turned_away_ask_again_until_a_slot_is_free(start):
    left = leave_streams(start(slots=1, queue=0, ttft_ms=5), 6, 3, patience_s=5)
    assert (left.begun, left.trouble) == (6, None)


def test_callers_who_are_turned_away_for_good_say_so(start):
    left = leave_streams(start("keeps_abandoned_slots", slots=2, queue=0), 6, 2, patience_s=0.5)
    assert (left.begun, left.trouble) == (2, "HTTP 429")


def test_every_request_over_kept_connections_is_counted(start):
    done = churn(start(), requests=40, connections=8, within_s=30)
    assert (done.requests, done.dropped, done.trouble) == (40, 8, None)


def test_an_endpoint_that_answers_no_request_has_no_connections_to_judge():
    nobody = ChatEndpoint("inference.instant", "http://127.0.0.1:9/v1", "instant-1")
    with pytest.raises(ProbeError, match=r"request 1: .*refused"):
        churn(nobody, requests=4, connections=4, within_s=5)


def test_descriptors_that_are_not_closed_are_counted(start):
    endpoint = start("leaks_descriptors")
    metrics = endpoint.url.replace("/v1", "/metrics")
    before = open_descriptors(metrics)
    churn(endpoint, requests=200, connections=4, within_s=30)
    assert descriptors_left(metrics, before, within_s=0) >= 200 / 4


def test_metrics_without_descriptors_tell_nothing(start):
    with pytest.raises(ProbeError, match="404"):
        open_descriptors(start().url + "/no-metrics")
