"""How often the regression gate fails what is not worse and passes what is, by simulation and by experiment.

Simulated is the whole gate (blocks, one extension, verdict), beside two rules that are in use elsewhere: a
p95 that was stored by an earlier run with a limit of 1.2, and the prediction interval of eight earlier runs.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

from bench.inference_servers import serving
from bench.timing import Figure
from shipworthy.probes.inference.regression import (
    Block,
    Load,
    Margins,
    RunFigures,
    Timed,
    Verdict,
    compare,
    extension,
    figures_of,
    judge_against_earlier,
    measure_interleaved,
)
from shipworthy.probes.inference.statistics import percentile

RATIOS = (1.0, 1.1, 1.2, 1.3)
NOISES = (0.0, 0.1, 0.2)
GATES_A_SAMPLE = 200
"""Simulated gates for each of ``--samples``: 1,000 a cell with the default of five."""
BLOCKS, ANSWERS, EARLIER = 24, 8, 8
STORED_LIMIT, STORED_SAMPLES = 1.2, 200
SPREAD, OUTLIERS, OUTLIER = 0.25, 0.02, 3.0
"""Log-normal spread of single answers, and the share that is so many times slower."""
DRIFT, MEMORY = 0.5, 0.9
"""Load also wanders within a run: half as much as between runs; nine tenths last to the next half."""
AIMS = {1.0: "at most 1 %", 1.2: "at least 95 %", 1.3: "100 %"}


class Weather:
    """What both endpoints suffer alike: a level for the run, and a slow wandering around it."""

    def __init__(self, rng: random.Random, noise: float) -> None:
        self.rng, self.noise = rng, noise
        self.run = rng.gauss(0, noise)
        self.now = rng.gauss(0, noise * DRIFT)

    def pass_on(self) -> float:
        """Give the factor of the next half of a block."""
        kept = math.sqrt(1 - MEMORY**2)
        self.now = MEMORY * self.now + self.rng.gauss(0, self.noise * DRIFT * kept)
        return math.exp(self.run + self.now)


def answer(rng: random.Random, level: float, ratio: float) -> Timed:
    """Simulate one answer: only its first token is slower, which is harder to see than all of it."""
    slow = OUTLIER if rng.random() < OUTLIERS else 1.0
    stall = OUTLIER if rng.random() < 2 * OUTLIERS else 1.0
    return Timed(
        0.3 * level * ratio * slow * math.exp(rng.gauss(0, SPREAD)),
        0.02 * level * math.exp(rng.gauss(0, SPREAD / 3)),
        0.05 * level * stall * math.exp(rng.gauss(0, SPREAD)),
    )


def blocks(rng: random.Random, weather: Weather, ratio: float, count: int) -> list[Block]:
    """Simulate pairs of blocks."""
    made = []
    for _ in range(count):
        first = rng.random() < 0.5
        levels = (weather.pass_on(), weather.pass_on())
        ours, theirs = levels if first else reversed(levels)
        candidate = tuple(answer(rng, ours, ratio) for _ in range(ANSWERS))
        made.append(Block(first, candidate, tuple(answer(rng, theirs, 1.0) for _ in range(ANSWERS))))
    return made


def gate(rng: random.Random, ratio: float, noise: float) -> Verdict:
    """Simulate the gate as the check runs it."""
    weather = Weather(rng, noise)
    taken = blocks(rng, weather, ratio, BLOCKS)
    if more := extension(compare(taken), BLOCKS):
        taken += blocks(rng, weather, ratio, more)
    return compare(taken).verdict


def run_of(rng: random.Random, ratio: float, noise: float) -> list[Timed]:
    """Simulate one run that measures a single endpoint."""
    weather = Weather(rng, noise)
    return [answer(rng, weather.pass_on(), ratio) for _ in range(STORED_SAMPLES)]


def stored(rng: random.Random, ratio: float, noise: float) -> Verdict:
    """Simulate the usual rule: the p95 of an earlier run is stored, 1.2 times that is the limit."""
    before, now = (percentile([a.ttft_s or 0.0 for a in run_of(rng, r, noise)], 0.95) for r in (1.0, ratio))
    return Verdict.WORSE if now > STORED_LIMIT * before else Verdict.HOLDS


def earlier(rng: random.Random, ratio: float, noise: float) -> Verdict:
    """Simulate the check against eight earlier runs."""

    def figures(r: float) -> RunFigures:
        return figures_of(run_of(rng, r, noise), {})

    history = [figures(1.0) for _ in range(EARLIER)]
    judged = judge_against_earlier(figures(ratio), history, demanded=True)
    return Verdict.WORSE if judged.findings else Verdict.HOLDS


RULES = {"interleaved with live": gate, "eight earlier runs": earlier, "stored p95, limit 1.2": stored}


def measure(samples: int) -> Iterator[Figure]:
    """Simulate every rule at every ratio and noise, then run the gate on two servers over HTTP."""
    for name, rule in RULES.items():
        count = samples * GATES_A_SAMPLE // (5 if rule is earlier else 1)
        for noise in NOISES:
            for ratio in RATIOS:
                rng = random.Random(f"{name} {noise} {ratio}")  # noqa: S311  reproducible on purpose
                verdicts = Counter(rule(rng, ratio, noise) for _ in range(count))
                yield _share(
                    f"{name}: fails at {ratio:g}, noise {noise:.0%}", verdicts, count, ratio, rule is gate
                )
    yield from _experiment(samples)


def _experiment(samples: int) -> Iterator[Figure]:
    """Run the whole gate against two reference servers, the candidate slower by a known ratio."""
    for ratio in (1.0, 1.2):
        verdicts: Counter[Verdict] = Counter()
        with ExitStack() as servers:
            live = servers.enter_context(serving())
            candidate = servers.enter_context(serving(TTFT_MS=40 * ratio, GAP_MS=5 * ratio))
            for number in range(4 * samples):
                measured = measure_interleaved(
                    candidate,
                    live,
                    blocks=BLOCKS,
                    load=Load(ANSWERS, callers=8, max_tokens=8),
                    prompt=lambda n, run=number: f"{run}-{n}: tell a long story about ships.",
                    margins=Margins(),
                    seed=f"{ratio} {number}",
                )
                verdicts[compare(measured.blocks).verdict] += 1
        yield _share(f"two servers over HTTP: fails at {ratio:g}", verdicts, 4 * samples, ratio, aimed=True)


def _share(name: str, verdicts: Counter[Verdict], count: int, ratio: float, aimed: bool) -> Figure:
    unclear = verdicts[Verdict.UNCLEAR] / count
    return Figure(
        name,
        (100 * verdicts[Verdict.WORSE] / count,),
        aim=AIMS.get(ratio, "") if aimed else "",
        remark=f"{count} gates, {unclear:.1%} inconclusive",
        unit="%",
    )
