"""How near what is measured comes to what was sent, and what is said of a server that stood still."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from bench.clients import Read, clients
from bench.timing import Figure
from bench.truth import Pacing, told
from shipworthy.probes.inference import ChatEndpoint, percentile
from shipworthy.probes.inference.meter import Phase, Plan, Request, measure, streamed

BUSY = Pacing(first_s=0.1, gap_s=0.1, tokens=8)
CASES = {
    1: (Pacing(), 40),
    16: (Pacing(), 320),
    64: (BUSY, 640),
    256: (BUSY, 1024),
}
"""By streams at once: the pacing, and how many answers count."""
AIMS = {(16, "p99"): "≤ 2 ms", (256, "p99"): "≤ 5 ms"}
RATE, SECONDS, STALL_S = 100, 10, 1.5
THEORY_MS = {0.9: 500, 0.95: 1000, 0.99: 1400}


@dataclass
class Truth:
    """A running server, and what it says afterwards."""

    url: str
    process: subprocess.Popen[str]
    answers: list[list[int]] = field(default_factory=list)
    """For each: when the request was there, and when each event was written, in nanoseconds."""


@contextlib.contextmanager
def serving(pacing: Pacing) -> Iterator[Truth]:
    """Run the server that knows; its answers are told when it is over."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.truth", told(pacing)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdin
    try:
        truth = Truth(f"http://127.0.0.1:{process.stdout.readline().strip()}/v1", process)
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        reader.start()
        yield truth
        process.stdin.close()
        reader.join(20)
        truth.answers = sorted(json.loads(line) for line in lines)
    finally:
        process.kill()
        process.wait()


def measure_meter(samples: int) -> Iterator[Figure]:
    """Compare every client with the truth, in turn, on a server of its own each."""
    for streams, (pacing, count) in CASES.items():
        errors: dict[tuple[str, str], list[float]] = defaultdict(list)
        for turn in range(samples):
            order = list(clients().items())
            random.Random(turn).shuffle(order)  # noqa: S311  reproducible on purpose
            for name, client in order:
                with serving(pacing) as truth:
                    read = client(truth.url, streams, count)
                for figure, error_ms in errors_of(read, truth.answers[streams:]):
                    errors[name, figure].append(error_ms)
        for (name, figure), values in sorted(errors.items()):
            aim = AIMS.get((streams, figure), "") if name == "meter" else ""
            what = f"{name}: error of {'TTFT ' if figure != 'stall' else 'the '}{figure}, {streams} streams"
            yield Figure(what, tuple(values), aim=aim, remark=f"{count} answers", unit="ms")


def errors_of(read: Read, answers: list[list[int]]) -> Iterator[tuple[str, float]]:
    """Compare what a client read with what the server wrote: percentiles of TTFT, median of the stall."""
    true_ms = sorted((moments[1] - moments[0]) / 1e6 for moments in answers)
    for number, q in enumerate((0.5, 0.99)):
        said = read.ttft_ms[number] if read.summed_up else _rank(read.ttft_ms, q)
        yield f"p{q * 100:g}", said - _rank(true_ms, q)
    if read.stall_ms is not None:
        stalls = [max(b - a for a, b in pairwise(moments[1:])) / 1e6 for moments in answers]
        yield "stall", statistics.median(read.stall_ms) - statistics.median(stalls)


def _rank(values: list[float], q: float) -> float:
    """Give a percentile by rank, also of few values: truth and reading are treated alike."""
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def measure_stall(samples: int) -> Iterator[Figure]:
    """Stop the server for 1.5 s under 100 requests a second, and read the percentiles."""
    seen: dict[float, list[float]] = defaultdict(list)
    closed: list[float] = []
    for turn in range(samples):
        for q, value_ms in _stalled(_open_loop(turn)).items():
            seen[q].append(value_ms)
        closed.append(_stalled(None)[0.99])
    for q, values in seen.items():
        name = f"p{q * 100:g} of latency, server stopped for {STALL_S:g} s under {RATE}/s"
        yield Figure(name, tuple(values), aim=f"{THEORY_MS[q]} ms", remark="in theory", unit="ms")
    remark = "10 callers: they wait, so that nobody asks while the server stands still"
    yield Figure("p99 of the same, closed loop", tuple(closed), remark=remark, unit="ms")


def _open_loop(turn: int) -> list[float]:
    """Give even arrivals, as the theory has them, from a beginning that differs from turn to turn."""
    begin_s = random.Random(turn).random() / RATE  # noqa: S311  reproducible on purpose
    return [begin_s + number / RATE for number in range(RATE * SECONDS)]


def _stalled(times_s: list[float] | None) -> dict[float, float]:
    first_s = 0.001 if times_s else 10 / RATE
    with serving(Pacing(first_s=first_s, gap_s=0.001, tokens=2, stall_s=0)) as truth:
        endpoint = ChatEndpoint("bench", truth.url, "m")
        body = streamed(endpoint, "go", max_tokens=2)
        requests = tuple(Request(body, at_s=at_s) for at_s in times_s or [None] * RATE * SECONDS)
        warm = Phase((Request(body),) * 10, callers=10, counts=False)
        phase = Phase(requests, callers=None if times_s else 10)
        begun = threading.Timer(4.0, _stop, (truth.process,))
        begun.start()
        measurement = measure(Plan((endpoint,), (warm, phase)))
        begun.join()
    if measurement.misses:
        raise RuntimeError(f"answers were missed: {measurement.misses[0]}")
    latencies_ms = [1000 * sample.ended_s for sample in measurement.samples]
    return {q: percentile(latencies_ms, q) for q in THEORY_MS}


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    time.sleep(STALL_S)
    process.send_signal(signal.SIGCONT)
