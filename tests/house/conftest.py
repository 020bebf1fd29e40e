"""What the tests of the house look at: its files, its source, its checks, its planted faults."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.reference.faults import all_faults
from fixtures.reference.model import Fault
from shipworthy.catalogue import Check, read_catalogue

HOUSE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file of the house."""

    path: Path
    name: str
    """Its path below the house, with slashes."""
    tree: ast.Module

    def imports(self) -> Iterator[tuple[str, int, bool]]:
        """Give every imported module, its line, and whether importing this file imports it too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno, node in self._at_once()) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                at_once = node in self._at_once()
                yield node.module, node.lineno, at_once
                yield from ((f"{node.module}.{alias.name}", node.lineno, at_once) for alias in node.names)

    def _at_once(self) -> set[ast.stmt]:
        return set(self.tree.body)


def _tracked(house: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=house, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [house / name for name in listed.stdout.split("\0") if name and (house / name).is_file()]


@pytest.fixture(scope="session")
def house() -> Path:
    """The checkout."""
    return HOUSE


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file of the checkout that is, or would be, under version control."""
    return _tracked(HOUSE)


@pytest.fixture(scope="session")
def sources(files: list[Path]) -> list[Source]:
    """Every Python file, parsed."""
    return [
        Source(
            file, file.relative_to(HOUSE).as_posix(), ast.parse(file.read_text(encoding="utf-8"), str(file))
        )
        for file in files
        if file.suffix == ".py"
    ]


@pytest.fixture(scope="session")
def catalogue() -> list[Check]:
    """Every shipped check."""
    return read_catalogue([HOUSE / "suites"])


@pytest.fixture(scope="session")
def planted() -> list[Fault]:
    """Every planted fault of the reference deployment."""
    return list(all_faults().values())
