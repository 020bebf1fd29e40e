"""Measuring two endpoints in turn: what is asked, in which order, and what came back, block by block."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shipworthy.errors import ProbeError
from shipworthy.probes.inference.endpoint import ChatEndpoint
from shipworthy.probes.inference.meter import Measurement, Phase, Plan, Request, Sample, measure, streamed
from shipworthy.probes.inference.regression.blocks import Block, Timed
from shipworthy.probes.inference.regression.verdict import Margins, compare, extension

CANDIDATE, LIVE = 0, 1

Meter = Callable[[Plan], Measurement]
Prompt = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Load:
    """What one arm is asked in one block."""

    answers: int = 8
    callers: int = 4
    """So many at the same time."""
    max_tokens: int = 16


@dataclass(frozen=True, slots=True)
class Interleaved:
    """All blocks, and whether the meter can be believed."""

    load: Load
    blocks: tuple[Block, ...]
    first: int
    """Blocks of the first measurement; what follows is its extension."""
    invalid: str | None
    """Why the meter was too late itself for figures that say nothing bad to mean anything."""

    def as_json(self) -> dict[str, Any]:
        """Give the raw samples, to be kept and judged again."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Interleaved:
        """Take back what ``as_json`` gave."""
        blocks = tuple(Block.from_json(block) for block in data["blocks"])
        return cls(Load(**data["load"]), blocks, data["first"], data["invalid"])


def measure_interleaved(
    candidate: ChatEndpoint,
    live: ChatEndpoint,
    *,
    blocks: int,
    load: Load,
    prompt: Prompt,
    margins: Margins,
    seed: str,
    meter: Meter = measure,
) -> Interleaved:
    """Ask both the same, block by block, and extend that once where it leaves something unclear.

    Args:
        candidate: the endpoint that is judged.
        live: the one that it is to replace.
        blocks: how many the first measurement has.
        load: what one arm is asked in one block.
        prompt: gives the n-th text; all differ, so that no cache answers.
        margins: what the extension is to tell.
        seed: makes the order of the arms reproducible.
        meter: sends a plan.

    Raises:
        ProbeError: the meter could not look.

    """
    rng = random.Random(seed)  # noqa: S311  the order of the arms is no secret

    def more(begin: int, count: int) -> tuple[list[Block], str | None]:
        firsts = shuffled(count, rng)
        numbered = plan_of((candidate, live), firsts, load, lambda n: prompt(begin * load.answers + n))
        measurement = meter(numbered)
        return list(blocks_of(measurement, firsts)), _doubt(measurement)

    taken, invalid = more(0, blocks)
    if invalid:  # the machine was busy for a moment: once more, from the beginning
        taken, invalid = more(blocks, blocks)
    try:
        missing = extension(compare(taken, margins), blocks)
    except ValueError:  # too little came back to compare; more of the same would not help
        missing = 0
    if missing:
        extended, late = more(2 * blocks, missing)
        taken, invalid = taken + extended, invalid or late
    return Interleaved(load, tuple(taken), blocks, invalid)


def shuffled(blocks: int, rng: random.Random) -> list[bool]:
    """Choose at random in which blocks the candidate is first: half of them, so that the order cancels."""
    half = blocks // 2
    firsts = [True] * half + [False] * half + [rng.random() < 0.5] * (blocks % 2)
    rng.shuffle(firsts)
    return firsts


def plan_of(
    endpoints: tuple[ChatEndpoint, ChatEndpoint], candidate_first: Sequence[bool], load: Load, prompt: Prompt
) -> Plan:
    """Plan a warm-up of one wave for each arm, then the blocks: each half waits until the other is over."""

    def half(arm: int, numbers: range, label: str, *, counts: bool = True) -> Phase:
        bodies = (streamed(endpoints[arm], prompt(n), max_tokens=load.max_tokens) for n in numbers)
        return Phase(tuple(Request(b, arm, label) for b in bodies), load.callers, counts=counts)

    warm_up = range(-load.callers, 0)
    phases = [half(arm, warm_up, "warm-up", counts=False) for arm in (CANDIDATE, LIVE)]
    for block, first in enumerate(candidate_first):
        numbers = range(block * load.answers, (block + 1) * load.answers)
        order = (CANDIDATE, LIVE) if first else (LIVE, CANDIDATE)
        phases += [half(arm, numbers, str(block)) for arm in order]
    return Plan(endpoints, tuple(phases))


def blocks_of(measurement: Measurement, candidate_first: Sequence[bool]) -> Iterator[Block]:
    """Sort what came back into the blocks of the plan; requests that found no time are misses."""
    arms: dict[tuple[str, int], list[Timed]] = {}
    for sample in measurement.samples:
        arms.setdefault((sample.label, sample.endpoint), []).append(timed(sample))
    for block, first in enumerate(candidate_first):
        candidate, live = (tuple(arms.get((str(block), arm), ())) for arm in (CANDIDATE, LIVE))
        yield Block(first, candidate, live)


def _doubt(measurement: Measurement) -> str | None:
    try:
        measurement.demand_valid()
    except ProbeError as error:
        return str(error)
    return None


def timed(sample: Sample) -> Timed:
    """Give the times of a sample that are compared."""
    if sample.miss:
        return Timed(None, None, None, sample.miss)
    return Timed(sample.first_token_s, sample.tpot_s, sample.largest_gap_s)
