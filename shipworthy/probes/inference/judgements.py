"""Every judgement about inference that follows from kept observations alone, by the check that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shipworthy.judged import Judged
from shipworthy.probes.inference.regression import Interleaved, Margins, judge_against_live
from shipworthy.target.inference import InferenceEndpoint


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a check is judged again."""

    file: str
    """What it is judged by."""
    kept_by: str
    """The check that leaves this file; several can share one measurement."""
    judge: Callable[[Any, InferenceEndpoint], Judged]
    """From the file's content and what the instant endpoint promises; pure."""


def margins_of(promised: InferenceEndpoint) -> Margins:
    """Give what a target calls worse than live.

    Raises:
        ValueError: it declares no live endpoint.

    """
    if promised.baseline is None:
        raise ValueError("inference.instant declares no baseline")
    return Margins(promised.baseline.fails_above, promised.baseline.passes_below)


def _against_live(kept: Any, promised: InferenceEndpoint) -> Judged:
    return judge_against_live(Interleaved.from_json(kept), margins_of(promised))


_LIVE = "inference.regression.no_figure_is_worse_than_live"
JUDGEMENTS: Mapping[str, Judgement] = {_LIVE: Judgement("blocks.json", _LIVE, _against_live)}
