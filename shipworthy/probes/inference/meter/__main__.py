"""The meter's process: ``python -m shipworthy.probes.inference.meter``, a plan on standard input.

Line by line: in, the plan; out, ``ready``; then for each phase in, the moment to begin (nanoseconds of
the monotonic clock); out, ``done``. At the end one line of JSON, a ``Heap``. What keeps it from
measuring is a line ``{"error": …}``.
"""

from __future__ import annotations

import asyncio
import json
import sys

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.meter.decoding import Heard, Lags, sample_of
from shipworthy.probes.inference.meter.driving import Driver
from shipworthy.probes.inference.meter.exchange import Exchange
from shipworthy.probes.inference.meter.heap import Heap
from shipworthy.probes.inference.meter.lateness import summed_up
from shipworthy.probes.inference.meter.plan import Plan
from shipworthy.probes.inference.meter.route import route_to
from shipworthy.probes.inference.meter.sample import Sample


def main() -> int:
    """Measure one plan, or one process's part of it."""
    plan = Plan.from_json(sys.stdin.readline())
    try:
        driver = Driver(plan, [route_to(endpoint) for endpoint in plan.endpoints])
    except ProbeError as error:
        _say(json.dumps({"error": str(error)}))
        return 1
    zero_ns = None
    with asyncio.Runner() as runner:
        _say("ready")
        for number in range(len(plan.phases)):
            begin_ns = int(sys.stdin.readline())
            zero_ns = begin_ns if zero_ns is None else zero_ns
            driver.run(runner, number, begin_ns)
            _say("done")
    _say(_heap(driver, zero_ns or 0).as_json())
    return 0


def _heap(driver: Driver, zero_ns: int) -> Heap:
    lags = Lags(driver.ticks.due_s, driver.ticks.late_s)

    def sample(phase: int, place: int, exchange: Exchange | None) -> Sample | None:
        if exchange is None:
            return None
        asked = driver.plan.phases[phase].requests[place]
        return sample_of(_heard(exchange), lags, zero_ns, asked.label, asked.endpoint, phase)

    exchanges = [exchange for phase in driver.exchanges for exchange in phase if exchange]
    sending_s = [_sent_late_s(e) for e in exchanges if e.sent_ns]
    return Heap(
        samples=[
            [sample(phase, place, exchange) for place, exchange in enumerate(done)]
            for phase, done in enumerate(driver.exchanges)
        ],
        spans_s=[((a - zero_ns) / 1e9, (b - zero_ns) / 1e9) for a, b in driver.spans_ns],
        lateness=summed_up(lags.late_s, sending_s),
        bytes_read=sum(len(piece) for exchange in exchanges for _, piece in exchange.pieces),
    )


def _heard(exchange: Exchange) -> Heard:
    return Heard(
        exchange.pieces,
        exchange.began_ns,
        exchange.connected_ns,
        exchange.intended_ns,
        exchange.sent_ns,
        exchange.ended_ns,
        exchange.broken,
    )


def _sent_late_s(exchange: Exchange) -> float:
    """How late a request was sent that was connected; a connection that took long is not the meter's."""
    return (exchange.sent_ns - max(exchange.intended_ns, exchange.connected_ns)) / 1e9


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
