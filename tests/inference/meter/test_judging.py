"""Figures say how many samples they rest on, pictures are whole, and a late meter is not believed."""

from __future__ import annotations

import math
import random
from xml.etree import ElementTree as ET

import pytest
from hdrh.histogram import HdrHistogram

from shipworthy.errors import ProbeError
from shipworthy.probes.inference import TooFewSamplesError
from shipworthy.probes.inference.meter.agreement import agreements, mann_whitney
from shipworthy.probes.inference.meter.figures import histogram, quantile, summary, times
from shipworthy.probes.inference.meter.lateness import LATE_P99_S, summed_up, worst
from shipworthy.probes.inference.meter.pictures import draw_distributions, draw_sweep, draw_timeline
from shipworthy.probes.inference.meter.slo import Limits
from shipworthy.probes.inference.meter.sweep import Level, Sweep
from tests.inference.meter.conftest import measured, missed, on_time, sample


def spread(count: int, seed: int = 1):
    choice = random.Random(seed)
    return [sample(first_token_s=0.1 + choice.random() / 50, intended_s=n / 10) for n in range(count)]


def named(measurement, limits=Limits()):  # noqa: B008  frozen
    return {figure.name: figure for figure in summary(measurement, limits)}


def test_percentiles_are_given_only_where_there_are_enough_samples():
    few, some, many = (set(named(measured(*spread(count)))) for count in (63, 130, 662))
    assert {"TTFT p50"} <= few
    assert not {"TTFT p90", "TTFT p95", "TTFT p99"} & few
    assert {"TTFT p90", "TTFT p95"} <= some
    assert "TTFT p99" not in some
    assert "TTFT p99" in many


def test_a_figure_has_its_interval_and_its_count():
    figure = named(measured(*spread(200)))["TTFT p95"]
    assert figure.samples == 200
    assert figure.low <= figure.value <= figure.high
    assert figure.text.endswith("n = 200)")
    assert quantile("gap", [1.0] * 200, 0.5, interval=False).low is None


def test_misses_lower_the_goodput_and_are_in_no_time():
    samples = [*spread(90), *[missed()] * 10]
    figures = named(measured(*samples, elapsed_s=10.0), Limits(ttft_s=0.11))
    kept = sum((s.first_token_s or 1) <= 0.11 for s in samples)
    assert figures["goodput"].value == kept / 10
    assert figures["answers"].value == 9
    assert figures["output tokens"].value == 36
    assert len(times(samples)["TTFT"]) == 90


def test_no_complete_answer_is_no_figure():
    with pytest.raises(TooFewSamplesError, match="none of 3 answers"):
        named(measured(missed(), missed(), missed()))


def test_a_histogram_is_read_by_other_tools():
    read = HdrHistogram.decode(histogram([100.0] * 99 + [5000.0]))
    assert read.get_total_count() == 100
    assert read.get_value_at_percentile(50) == pytest.approx(100_000, rel=0.001)
    assert read.get_max_value() == pytest.approx(5_000_000, rel=0.001)


@pytest.mark.parametrize("figure", ["lag_p99_s", "sent_p99_s"])
def test_a_late_meter_is_not_believed(figure: str):
    measured(sample(), lateness=on_time(**{figure: LATE_P99_S})).demand_valid()
    with pytest.raises(ProbeError, match=r"invalid: the meter's own .* 51\.0 ms at p99 \(limit 50 ms\)"):
        measured(sample(), lateness=on_time(**{figure: 0.051})).demand_valid()


def test_of_several_meters_the_latest_counts():
    both = worst([on_time(lag_p99_s=0.001, sent_p99_s=0.3), on_time(lag_p99_s=0.2)], processes=2)
    assert (both.lag_p99_s, both.sent_p99_s, both.processes, both.ticks) == (0.2, 0.3, 2, 200)
    assert summed_up([0.1] * 98 + [0.5, 0.9], []).lag_p99_s == 0.5


def test_halves_of_the_same_agree():
    measured(*spread(400)).demand_valid()
    for agreement in agreements(spread(400)):
        assert agreement.holds
        assert agreement.ratio == pytest.approx(1, abs=0.02)


def test_halves_that_differ_are_no_measurement():
    from shipworthy.probes.inference.meter.agreement import SEED

    coin = random.Random(SEED)
    unequal = []
    for _ in range(100):  # as the halves are drawn: whichever falls into the first half is slow
        first = coin.random() < 0.5
        unequal += [sample(first_token_s=0.2 if first else 0.1), sample(first_token_s=0.1 if first else 0.2)]
    with pytest.raises(ProbeError, match="two halves of it differ in TTFT by 100%"):
        measured(*unequal).demand_valid()


def test_the_rank_test_knows_equal_from_unequal():
    choice = random.Random(3)
    a, b = ([choice.random() for _ in range(200)] for _ in range(2))
    assert mann_whitney(a, a) == 1
    assert mann_whitney(a, b) > 0.01
    assert mann_whitney(a, [value + 0.3 for value in b]) < 1e-9
    assert mann_whitney([1.0] * 50, [1.0] * 50) == 1


def drawn(picture: str):
    root = ET.fromstring(picture)
    assert root.tag.endswith("svg")
    return "".join(root.itertext())


def test_pictures_are_whole_and_tell_what_they_show():
    samples = [*spread(200), sample(gaps_s=(0.01, 0.5, 0.01)), missed("HTTP 500 <html> & more")]
    limits = Limits(ttft_s=0.11, gap_s=0.25)
    told = drawn(draw_timeline(samples, limits))
    assert "202 answers, 1 misses, 1 stalls (gaps above 250 ms)" in told
    assert "HTTP 500 <html> & more" in told
    told = drawn(draw_distributions(samples, limits))
    assert "201 complete answers, 1 misses" in told
    assert "limit 110 ms" in told


def test_of_many_answers_the_notable_ones_are_drawn():
    samples = [*spread(2000), missed("HTTP 500 gone")]
    told = drawn(draw_timeline(samples, Limits(gap_s=0.25)))
    assert "are drawn" in told
    assert "HTTP 500 gone" in told


def test_a_timeline_without_complete_answers_is_drawn_too():
    assert "3 misses" in drawn(draw_timeline([missed()] * 3, Limits()))


def test_a_sweep_shows_its_knee():
    rates = (100.0, 190.0, 200.0)
    levels = tuple(Level(2**n, rate / 16, rate, 0.1, 0.1 * 2**n, 12, 0) for n, rate in enumerate(rates))
    told = drawn(draw_sweep(Sweep(levels, 1, found=True)))
    assert "knee: 2" in told
    assert "measured at 1" in told
    nothing = Level(8, 0.0, 0.0, None, None, 12, 12)
    assert math.inf > len(drawn(draw_sweep(Sweep((*levels, nothing), 1, found=False)))) > 0
