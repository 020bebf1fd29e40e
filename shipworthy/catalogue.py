"""The catalogue of checks, read from the source of the suites without importing it.

What a check is called, claims and needs stands in its file; so `shipworthy checks` is
immediate, and the plan does not depend on what a worker happened to collect.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from shipworthy.errors import RunError

EVERYTHING = "everything"
STAGE_FOLDER = re.compile(r"^(\d+)_([a-z][a-z0-9_]*)$")
SECTIONS = re.compile(r"^\s*(Why|Fix):\s*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Check:
    """One claim about the target, as its source states it."""

    id: str
    stage: str
    number: int
    path: Path
    line: int
    claim: str
    why: str
    fix: str
    needs: tuple[str, ...]
    mutates: bool
    alone: str
    """The part that it is alone with, or ``EVERYTHING``; empty where others may run beside it."""


def read_catalogue(folders: Iterable[Path]) -> list[Check]:
    """Read every check below the given folders of stages, in the order of the gate.

    Raises:
        RunError: two checks have one id, or a file is no Python.

    """
    checks = [check for folder in folders for check in _checks_below(folder)]
    checks.sort(key=lambda check: (check.number, check.stage, check.path.name, check.line))
    turns = _turns(checks)
    checks.sort(key=lambda check: (check.number, check.stage, turns[check.id]))
    seen: dict[str, Check] = {}
    for check in checks:
        if check.id in seen:
            raise RunError(f"two checks are called {check.id}: {seen[check.id].path} and {check.path}")
        seen[check.id] = check
    return checks


def _turns(checks: Iterable[Check]) -> dict[str, tuple[int, int]]:
    """Order a stage: what runs beside others, what is alone with a part (the parts in turn), the rest."""
    seen: Counter[tuple[str, str]] = Counter()
    turns = {}
    for check in checks:
        rank = 0 if not check.alone else 2 if check.alone == EVERYTHING else 1
        turns[check.id] = (rank, seen[check.stage, check.alone])
        seen[check.stage, check.alone] += 1
    return turns


def check_id(path: PurePath, function: str) -> str | None:
    """Derive the id of a check from where it stands; None where that is no stage."""
    stage = STAGE_FOLDER.match(path.parent.name)
    if not stage:
        return None
    return f"{stage[2]}.{path.stem.removeprefix('test_')}.{function.removeprefix('test_')}"


def _checks_below(folder: Path) -> Iterator[Check]:
    for stage in sorted(folder.iterdir()):
        match = STAGE_FOLDER.match(stage.name)
        if match and stage.is_dir():
            for file in sorted(stage.glob("test_*.py")):
                yield from _checks_in(file, int(match[1]), match[2])


def _checks_in(file: Path, number: int, stage: str) -> Iterator[Check]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    except SyntaxError as error:
        raise RunError(f"{file}:{error.lineno}: {error.msg}") from error
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = dict(_marks(node))
            claim, why, fix = _documentation(ast.get_docstring(node) or "")
            identity = check_id(file, node.name)
            assert identity
            yield Check(
                identity,
                stage,
                number,
                file,
                node.lineno,
                claim or node.name.removeprefix("test_").replace("_", " "),
                why,
                fix,
                needs=marks.get("needs", ()),
                mutates="mutates" in marks,
                alone=EVERYTHING if "alone" in marks else "".join(marks.get("alone_with", ())),
            )


def _marks(node: ast.FunctionDef) -> Iterator[tuple[str, tuple[str, ...]]]:
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = ast.unparse(call.func if call else decorator).rpartition(".")[2]
        arguments = call.args if call else []
        yield (
            name,
            tuple(a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)),
        )


def _documentation(docstring: str) -> tuple[str, str, str]:
    claim, *sections = SECTIONS.split(docstring)
    named = dict(zip(sections[::2], sections[1::2], strict=False))
    return _one_line(claim), _one_line(named.get("Why", "")), _one_line(named.get("Fix", ""))


def _one_line(text: str) -> str:
    return " ".join(text.split())
