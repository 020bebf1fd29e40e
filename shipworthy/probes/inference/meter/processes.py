"""Running the meter in processes of its own, so that nothing of the gate's disturbs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import shipworthy
from shipworthy.errors import ProbeError
from shipworthy.probes.inference.meter.heap import Heap, joined
from shipworthy.probes.inference.meter.measurement import Measurement
from shipworthy.probes.inference.meter.plan import Plan

STARTS_WITHIN_S = 60.0
"""A busy machine may take a while to import what the meter needs."""
TOLD_AHEAD_NS = 20_000_000
"""How long before its beginning a phase is announced, where several processes begin together."""


def measure(plan: Plan, *, processes: int = 1) -> Measurement:
    """Send what a plan says and give what came back, when.

    Args:
        plan: what to send.
        processes: how many meters share the work; one is enough for some hundred streams.

    Raises:
        ProbeError: the meter did not start, broke or did not end; an endpoint's name has no address.
        ValueError: no phase of the plan counts, or one has no requests.

    """
    if not any(phase.counts for phase in plan.phases) or not all(phase.requests for phase in plan.phases):
        raise ValueError("a plan needs requests in every phase, and a phase that counts")
    with ExitStack() as started:
        meters = [started.enter_context(_meter(plan)) for _ in range(processes)]
        for number, meter in enumerate(meters):
            meter.tell(plan.part(number, processes).as_json().decode())
        for meter in meters:
            meter.hear("ready")
        for _ in plan.phases:
            begin_ns = time.monotonic_ns() + (TOLD_AHEAD_NS if processes > 1 else 0)
            for meter in meters:
                meter.tell(str(begin_ns))
            for meter in meters:
                meter.hear("done")
        return joined(plan, [Heap.from_json(meter.line()) for meter in meters])


class _Meter:
    """One process and what is said to it."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str]) -> None:
        self._process, self._log = process, log

    def tell(self, line: str) -> None:
        """Say one line; a process that is gone is noticed by what it does not answer."""
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except OSError:
            return

    def line(self) -> str:
        """Hear one line.

        Raises:
            ProbeError: the process ended, or cannot measure, and says why.

        """
        assert self._process.stdout
        line = self._process.stdout.readline().strip()
        if not line:
            self._log.seek(0)
            said = self._log.read().strip().rpartition("\n")[2] or "it was ended after its time"
            raise ProbeError(f"the meter ended before it had measured: {said}")
        if line.startswith('{"error"'):
            raise ProbeError(json.loads(line)["error"])
        return line

    def hear(self, word: str) -> None:
        """Hear a word that is due."""
        line = self.line()
        if line != word:
            raise ProbeError(f"the meter said {line[:80]!r} in place of {word!r}")


@contextmanager
def _meter(plan: Plan) -> Iterator[_Meter]:
    """Start a process; it is gone afterwards, and in any case after the plan's time and a margin."""
    places = [str(Path(shipworthy.__file__).parents[1]), *filter(None, sys.path)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "shipworthy.probes.inference.meter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        )
        ends = threading.Timer(2 * STARTS_WITHIN_S + plan.total_s, process.kill)
        ends.daemon = True
        ends.start()
        try:
            yield _Meter(process, log)
        finally:
            ends.cancel()
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    _close(stream)


def _close(stream: IO[str]) -> None:
    try:
        stream.close()
    except OSError:
        return  # what was left to say is of no use to a process that is gone
