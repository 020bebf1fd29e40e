"""Comparing a run with earlier ones, where there is no live twin to measure beside it.

Runs differ by more than their samples show: other neighbours, other hours. So a new run is held against the
prediction interval of the earlier runs' figures (Hahn and Meeker 1991, section 4.7), on their logarithms.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shipworthy.evidence.writer import Measure
from shipworthy.findings import Finding
from shipworthy.judged import Judged
from shipworthy.probes.inference.regression.blocks import FIGURES, RESOLUTION_S, Timed, quantile
from shipworthy.probes.inference.regression.estimate import FEWEST
from shipworthy.probes.inference.regression.judgement import FIXES
from shipworthy.probes.inference.regression.student import above, quantile_above
from shipworthy.probes.inference.regression.verdict import WRONG_FAILURE, holm_levels

MARGIN = 0.05
"""Nobody minds a slowdown below this share."""
MOST = 30
"""Earlier runs that are read; older ones say little of today."""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One run's figures in seconds, by name, and what they are figures of."""

    measured: Mapping[str, str | int]
    """Endpoint, model and load: only runs in which these are equal are compared."""
    samples: int
    figures: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Give what ``from_json`` takes back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunFigures:
        """Take back what ``as_json`` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.

        """
        figures = {str(name): float(value) for name, value in data["figures"].items()}
        return cls(dict(data["measured"]), int(data["samples"]), figures)


def figures_of(answers: Sequence[Timed], measured: Mapping[str, str | int]) -> RunFigures:
    """Sum a run up; answers that did not come whole count as the slowest that did.

    Raises:
        ValueError: no answer came whole.

    """
    figures: dict[str, float] = {}
    for figure in FIGURES:
        times = [getattr(answer, figure.time) for answer in answers]
        whole = [max(time, RESOLUTION_S[figure.time]) for time in times if time is not None]
        if not whole:
            raise ValueError(f"none of {len(answers)} answers came whole: {_first_miss(answers)}")
        slowest = max(whole)
        floor = RESOLUTION_S[figure.time]
        figures[figure.name] = quantile([slowest if t is None else max(t, floor) for t in times], figure.q)
    return RunFigures(measured, len(answers), figures)


def read_earlier(run: Path, where: Path, measured: Mapping[str, str | int]) -> list[RunFigures]:
    """Read what earlier runs of the same target kept, the latest first: those that were GO, of the same load.

    Args:
        run: the folder of the run that goes on; earlier ones lie beside it.
        where: the file's place within a run's folder.
        measured: what must be equal.

    """
    found: list[RunFigures] = []
    for folder in sorted(run.parent.iterdir(), key=lambda path: path.name, reverse=True):
        if folder != run and len(found) < MOST and _verdict(folder) == "GO":
            figures = _kept(folder / where)
            if figures and figures.measured == measured:
                found.append(figures)
    return found


@dataclass(frozen=True, slots=True)
class Placed:
    """One figure among those of earlier runs."""

    name: str
    value_s: float
    middle: float
    """Mean of the logarithms of the earlier ones."""
    spread: float
    """Standard error of a prediction: ``s * sqrt(1 + 1/n)``."""
    runs: int

    @classmethod
    def among(cls, name: str, value_s: float, earlier_s: Sequence[float]) -> Placed:
        """Place a figure among the earlier ones, at least two."""
        logs = [math.log(value) for value in earlier_s]
        n, middle = len(logs), math.fsum(logs) / len(logs)
        variance = math.fsum((log - middle) ** 2 for log in logs) / (n - 1)
        return cls(name, value_s, middle, math.sqrt(variance * (1 + 1 / n)), n)

    @property
    def chance(self) -> float:
        """Of such a figure or a slower one, were the run like the earlier ones and slower by the margin."""
        beyond = math.log(self.value_s) - self.middle - math.log1p(MARGIN)
        if self.spread == 0:
            return 0.0 if beyond > 0 else 1.0
        return above(beyond / self.spread, self.runs - 1)

    def limit_s(self, level: float) -> float:
        """Give the figure that would just not be called slower, in seconds."""
        return math.exp(self.middle + math.log1p(MARGIN) + quantile_above(level, self.runs - 1) * self.spread)


def judge_against_earlier(now: RunFigures, earlier: Sequence[RunFigures], *, demanded: bool) -> Judged:
    """Judge a run by its place among earlier ones.

    Too few of them are a note, not a failure: a gate that is red for want of history gets switched off. A
    target that has its history can demand it.
    """
    looked_at = (now.samples, "streamed answers")
    if len(earlier) < FEWEST:
        said = (
            f"{len(earlier)} earlier runs of this endpoint under this load that were GO are kept here, "
            f"{FEWEST} are needed to know how much runs differ: keep the runs' folders"
        )
        if demanded:
            return Judged(looked_at, unclear=said)
        return Judged(looked_at, notes=(f"compared with nothing: {said}",))
    placed = [
        Placed.among(name, s, [run.figures[name] for run in earlier]) for name, s in now.figures.items()
    ]
    limits_s = [
        place.limit_s(level)
        for place, level in zip(
            placed, holm_levels([place.chance for place in placed], WRONG_FAILURE), strict=True
        )
    ]
    pairs = list(zip(placed, limits_s, strict=True))
    return Judged(
        looked_at,
        measures=tuple(_measure(place, limit_s, now.samples) for place, limit_s in pairs),
        findings=tuple(_finding(place, limit_s) for place, limit_s in pairs if place.value_s > limit_s),
        notes=(_resolution(pairs),),
    )


def _measure(place: Placed, limit_s: float, samples: int) -> Measure:
    return Measure(place.name, place.value_s * 1000, "ms", samples, limit_s * 1000, at_least=False)


def _finding(place: Placed, limit_s: float) -> Finding:
    ms, usual_ms, limit_ms = place.value_s * 1000, math.exp(place.middle) * 1000, limit_s * 1000
    return Finding(
        f"inference.instant, {place.name}",
        saw=f"{ms:.1f} ms; the mean of {place.runs} earlier runs is {usual_ms:.1f} ms",
        want=f"at most {limit_ms:.1f} ms: {MARGIN:.0%} above the mean, and room for how much runs differ",
        fix=f"{FIXES[place.name.rpartition(' ')[0]]}; a live twin (inference.instant.baseline) tells more",
    )


def _resolution(pairs: Sequence[tuple[Placed, float]]) -> str:
    shares = ", ".join(
        f"{place.name} {limit_s / math.exp(place.middle) - 1:+.0%}" for place, limit_s in pairs
    )
    return f"so much do {pairs[0][0].runs} earlier runs differ that only this shows as slower: {shares}"


def _verdict(run: Path) -> str | None:
    try:
        verdict = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(verdict.get("verdict")) if isinstance(verdict, dict) else None


def _kept(file: Path) -> RunFigures | None:
    try:
        figures = RunFigures.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # an older form, or a run that did not measure this
    names = {figure.name for figure in FIGURES}
    return figures if names == set(figures.figures) and min(figures.figures.values()) > 0 else None


def _first_miss(answers: Sequence[Timed]) -> str:
    return next((answer.miss for answer in answers if answer.miss), "there was none")
