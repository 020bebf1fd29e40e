"""Comparing an endpoint with the one that it is to replace, or with its own earlier runs."""

from shipworthy.probes.inference.regression.blocks import FIGURES, Block, Figure, Timed
from shipworthy.probes.inference.regression.earlier import (
    RunFigures,
    figures_of,
    judge_against_earlier,
    read_earlier,
)
from shipworthy.probes.inference.regression.interleaved import (
    Interleaved,
    Load,
    measure_interleaved,
    timed,
)
from shipworthy.probes.inference.regression.judgement import judge_against_live
from shipworthy.probes.inference.regression.picture import draw_comparison
from shipworthy.probes.inference.regression.verdict import Comparison, Margins, Verdict, compare, extension

__all__ = [
    "FIGURES",
    "Block",
    "Comparison",
    "Figure",
    "Interleaved",
    "Load",
    "Margins",
    "RunFigures",
    "Timed",
    "Verdict",
    "compare",
    "draw_comparison",
    "extension",
    "figures_of",
    "judge_against_earlier",
    "judge_against_live",
    "measure_interleaved",
    "read_earlier",
    "timed",
]
