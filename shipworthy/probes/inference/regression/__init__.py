"""Comparing an endpoint with the one that it is to replace, or with its own earlier runs."""

from shipworthy.probes.inference.regression.blocks import FIGURES, Block, Figure, Timed
from shipworthy.probes.inference.regression.verdict import Comparison, Margins, Verdict, compare, extension

__all__ = ["FIGURES", "Block", "Comparison", "Figure", "Margins", "Timed", "Verdict", "compare", "extension"]
