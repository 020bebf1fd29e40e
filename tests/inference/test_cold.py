"""Going down to zero and coming back: what is counted, what is timed, what is drawn."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from shipworthy import ProbeError
from shipworthy.probes.inference.cold import ColdRun, ColdStart, machines, measure_cold_starts
from shipworthy.probes.inference.cold_picture import draw_cold_starts
from tests.serving import serving

SERVERLESS = {"serverless": True, "cold_start_s": 0.3, "idle_s": 0.2}


def go_down_and_up(endpoint, *, starts: int = 1, within_s: float = 20) -> ColdRun:
    idle_url = endpoint.url.replace("/v1", "/workers")
    return measure_cold_starts(endpoint, idle_url, "Ships?", starts=starts, within_s=within_s)


def test_callers_who_come_together_share_one_start(start):
    run = go_down_and_up(start(**SERVERLESS), starts=2)
    assert [(begun.callers, begun.machines, begun.workers_after) for begun in run.starts] == [
        (4, 1, 1),
        (1, 1, 1),
    ]
    assert run.workers_when_warm == 1
    assert run.to_zero_s is not None
    for begun in run.starts:
        assert begun.troubles == ()
        assert list(begun.phases) == ["queue", "boot", "load"]
        assert list(begun.parts_s) == ["queue", "boot", "load", "first token"]
        assert sum(begun.parts_s.values()) == pytest.approx(begun.first_s)
    assert ColdRun.from_json(run.as_json()) == run


def test_a_machine_for_each_caller_is_counted(start):
    (begun,) = go_down_and_up(start("a_machine_for_each_caller", **SERVERLESS)).starts
    assert begun.machines == begun.workers_after == 4


def test_an_endpoint_that_stays_up_has_no_cold_start(start):
    run = go_down_and_up(start("never_scales_to_zero", **SERVERLESS), within_s=0.3)
    assert (run.workers_when_warm, run.to_zero_s, run.workers_left, run.starts) == (1, None, 1, ())


def test_a_count_that_says_zero_right_after_an_answer_proves_nothing(start):
    run = go_down_and_up(start("workers_lie", **SERVERLESS))
    assert (run.workers_when_warm, run.starts) == (0, ())


def test_a_count_of_starts_that_stands_still_shows(start):
    (begun,) = go_down_and_up(start("starts_lie", **SERVERLESS)).starts
    assert begun.started == 0


def test_phases_of_another_start_are_longer_than_this_one(start):
    (begun,) = go_down_and_up(start("phases_lie", **SERVERLESS)).starts
    assert sum(begun.phases.values()) > begun.first_s


def test_without_a_count_of_starts_the_workers_count():
    assert ColdStart((1.0,), (), workers_after=3, started=None).machines == 3


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({"workers": "one"}, "workers"),
        ({}, "workers"),
        ({"workers": -1}, "workers"),
        ({"workers": 1, "phases": {"boot": "long"}}, "phases.boot"),
    ],
)
def test_a_count_of_another_shape_is_quoted(start, told: dict, wrong: str):
    with (
        serving(Starlette(routes=[Route("/workers", lambda _: JSONResponse(told))])) as url,
        start().client() as client,
        pytest.raises(ProbeError, match=wrong),
    ):
        machines(client, f"{url}/workers")


def test_the_picture_shows_every_start_its_parts_and_the_promise():
    run = ColdRun(
        1, 2.0, 0, (
            ColdStart((4.0, 4.2), ("HTTP 503 <html>",), 1, 1, {"queue": 0.5, "boot": 2.0, "load": 1.0}),
            ColdStart((9.0,), (), 1, 1),
            ColdStart((), ("no answer in time",), 1, 1),
        ),
    )  # fmt: skip
    picture = ET.fromstring(draw_cold_starts(run, 5.0))
    space = "{http://www.w3.org/2000/svg}"
    texts = ["".join(text.itertext()) for text in picture.iter(f"{space}text")]
    bars = [title.text for rect in picture.iter(f"{space}rect") for title in rect.iter(f"{space}title")]
    assert bars == [
        "queue: 0.50 s",
        "boot: 2.00 s",
        "load: 1.00 s",
        "first token: 0.50 s",
        "first token: 9.00 s",
    ]
    assert "5 s promised" in texts
    assert "1 without an answer: HTTP 503 <html>" in texts
    assert [text for text in texts if text.endswith("started")] == [
        "1: 3 callers, 1 started",
        "2: one caller, 1 started",
        "3: one caller, 1 started",
    ]


def test_a_picture_without_starts_says_why():
    assert "it never went to zero" in draw_cold_starts(ColdRun(1, None, 1), None)
