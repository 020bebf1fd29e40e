"""shipworthy decides whether one version of a system may ship, and leaves the evidence."""

from shipworthy.checks import alone, alone_with, mutates, needs
from shipworthy.errors import ProbeError, TargetError
from shipworthy.findings import Finding, Findings
from shipworthy.target import Target

__version__ = "0.1.0"

__all__ = [
    "Finding",
    "Findings",
    "ProbeError",
    "Target",
    "TargetError",
    "alone",
    "alone_with",
    "mutates",
    "needs",
]
