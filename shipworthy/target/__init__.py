"""The target: one deployment, described by one TOML file."""

from shipworthy.target.loader import LoadedTarget, load_target
from shipworthy.target.sections import Target

__all__ = ["LoadedTarget", "Target", "load_target"]
