"""Target files written for one test, resolved from an environment of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

WriteTarget = Callable[[str], Path]


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that holds nothing a target could be resolved from."""
    monkeypatch.setattr("os.environ", {})
    return monkeypatch


@pytest.fixture
def write_target(tmp_path: Path) -> WriteTarget:
    """Write a target file into a project's ``targets`` folder."""

    def write(text: str) -> Path:
        path = tmp_path / "targets" / "staging.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
