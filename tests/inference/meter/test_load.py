"""Loads are fixed before they begin, and the same seed sends the same."""

from __future__ import annotations

import json
import random
import statistics
from itertools import pairwise

import pytest

from shipworthy.probes.inference import ChatEndpoint, TooFewSamplesError
from shipworthy.probes.inference.meter.gate import Bounds, LatencyRun, measure_until_decided
from shipworthy.probes.inference.meter.load import Kind, Load, poisson, write_prompt
from shipworthy.probes.inference.meter.pressure import pressure_of, turned_away
from shipworthy.probes.inference.meter.slo import Limits, Promise
from shipworthy.probes.inference.meter.sweep import Level, Sweep, sweep_levels
from tests.inference.meter.conftest import missed, sample

ENDPOINT = ChatEndpoint("e", "http://127.0.0.1:1/v1", "m")


def test_the_same_seed_plans_the_same_and_another_does_not():
    def planned(seed: str):
        return Load(None, 50, seed=seed).phase(ENDPOINT, 40, "first")

    assert planned("a") == planned("a")
    assert planned("a") != planned("b")
    load = Load(None, 50, seed="a")
    assert load.phase(ENDPOINT, 40, "first") != load.phase(ENDPOINT, 40, "extension")


def test_no_two_prompts_begin_alike():
    load = Load(4, None, seed="run")
    phases = (
        load.warm_up(ENDPOINT),
        load.phase(ENDPOINT, 100, "first"),
        load.phase(ENDPOINT, 50, "extension"),
    )
    bodies = [json.loads(request.body) for phase in phases for request in phase.requests]
    firsts = [body["messages"][0]["content"].partition(" ")[0] for body in bodies]
    assert len(set(firsts)) == len(firsts) == 154


def test_arrivals_are_poisson():
    times = poisson(random.Random(1), 100, 10_000)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times == sorted(times)
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.05)  # as of exponential gaps


def test_a_mix_is_asked_for_by_its_weights():
    mix = (Kind(10, 4, weight=3), Kind(200, 8, weight=1))
    phase = Load(4, None, mix, "run").phase(ENDPOINT, 400, "first")
    labels = [request.label for request in phase.requests]
    assert labels.count("10 in, 4 out") == pytest.approx(300, abs=40)
    asked = {request.label: json.loads(request.body) for request in phase.requests}
    assert asked["200 in, 8 out"]["max_tokens"] == 8
    assert len(asked["200 in, 8 out"]["messages"][0]["content"].split()) == 200


def test_a_prompt_has_about_so_many_words_however_few():
    assert len(write_prompt(random.Random(1), "n", 100).split()) == 100
    assert write_prompt(random.Random(1), "n", 1)


def test_a_warm_up_is_one_closed_wave_that_does_not_count():
    for load, wave in ((Load(6, None), 6), (Load(None, 100), 8), (Load(None, 2), 2)):
        phase = load.warm_up(ENDPOINT)
        assert (len(phase.requests), phase.callers, phase.counts) == (wave, wave, False)


def behind(growth: float, count: int = 200):
    return [sample(intended_s=n / 40, ended_s=0.12 + growth * n / 40) for n in range(count)]


def test_a_queue_that_grows_shows_in_its_rate():
    pressure = pressure_of(behind(1.0))  # capacity is half of what is offered
    assert pressure.growth == pytest.approx(1.0)
    assert pressure.carried == pytest.approx(0.5)
    assert pressure.growth_at_least > 0.8


def test_a_load_that_is_carried_shows_no_growth():
    pressure = pressure_of(behind(0.0))
    assert pressure.growth_at_least <= 0 == pressure.growth
    assert pressure.carried == 1


def test_too_few_answers_show_no_growth():
    with pytest.raises(TooFewSamplesError, match="40 complete answers"):
        pressure_of([*behind(1.0, 39), missed()])


def test_only_refusals_for_want_of_capacity_are_turned_away():
    samples = [missed("HTTP 429 'busy'"), missed("HTTP 503 ''"), missed("HTTP 500 ''"), sample()]
    assert [s.miss for s in turned_away(samples)] == ["HTTP 429 'busy'", "HTTP 503 ''"]


def test_the_load_is_seventy_per_cent_of_the_knee():
    levels = tuple(Level(2**n, 1.0, 16.0, 0.1, 0.2, 12, 0) for n in range(6))
    assert Sweep(levels, knee=4, found=True).callers == 11
    assert Sweep(levels, knee=0, found=True).callers == 1


def test_a_sweep_ends_behind_the_knee(start):
    sweep = sweep_levels(start(slots=2, ttft_ms=30), Load(None, None, seed="s"), request_s=20, total_s=60)
    assert sweep.found
    assert [level.callers for level in sweep.levels] == [2**n for n in range(len(sweep.levels))]
    assert all(level.samples >= 12 and not level.misses for level in sweep.levels)
    assert sweep.knee == len(sweep.levels) - 2


def test_what_is_decided_is_not_extended_and_what_is_not_is_extended_once(start):
    endpoint = start("refuses_sometimes")
    hopeless = Promise(Limits(), share=0.99, confidence=0.95)
    near = Promise(Limits(), share=0.9, confidence=0.8)  # every tenth is refused: no number decides soon
    load, bounds = Load(8, None, seed="s"), Bounds(request_s=20)
    once = measure_until_decided(endpoint, load, 130, [hopeless, near], bounds)
    assert (len(once.measurement.samples), once.first) == (130, 130)
    twice = measure_until_decided(endpoint, load, 130, [near], bounds)
    assert len(twice.measurement.samples) > twice.first == 130
    assert LatencyRun.from_json(json.loads(json.dumps(twice.as_json()))) == twice
