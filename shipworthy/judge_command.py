"""``shipworthy judge``: what a run measured, judged again with other limits."""

from __future__ import annotations

import ast
import importlib
import sys
import tomllib
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pluggy

from shipworthy import hooks
from shipworthy.catalogue import read_catalogue
from shipworthy.errors import ProbeError, RunError
from shipworthy.evidence.manifest import check as check_manifest
from shipworthy.evidence.record import CheckRecord, read_run
from shipworthy.evidence.redaction import Redactor
from shipworthy.history import find_run
from shipworthy.house import HOUSE, find_target, suite_folders, user_folder
from shipworthy.judged import Judged
from shipworthy.ledger import Outcome
from shipworthy.plan import Selection, why_not_applicable
from shipworthy.target.loader import base_folder, load_promises
from shipworthy.terminal import count, figure, paint

DESCRIPTION = """\
A run keeps what it measured (the raw samples) beside what it concluded. This command concludes again, with
the limits of the target file as it is now or as --set changes them, and prints for every check that can be
judged again what its figures were, the limit then and now, and whether it would hold.

It measures nothing and changes nothing: the run's evidence and its verdict stay as they are, and no promotion
rests on what this prints. Use it to choose limits, and to see what a stricter promise would have meant.

  shipworthy judge staging                                             with targets/staging.toml as it is now
  shipworthy judge staging --set inference.instant.ttft_p95_ms=300     with one limit changed
  shipworthy judge reports/runs/staging/20260101T120000-abc1234-0123456789
  shipworthy judge 0123456789 --check inference.regression.no_figure_is_worse_than_live \\
                   --set inference.instant.baseline.passes_below=0.1
"""
EXIT_CODES = "exit codes: 0 every one would hold, 1 at least one would not, 2 nothing could be judged again"


@dataclass(frozen=True, slots=True)
class Again:
    """One check, judged again."""

    check: str
    then: CheckRecord | None
    """None where the run did not owe it: the limit is new."""
    now: Judged

    @property
    def outcome(self) -> Outcome:
        """What would become of the check."""
        if self.now.findings:
            return Outcome.FAILED
        return Outcome.UNVERIFIED if self.now.unclear else Outcome.PASSED


def judge(arguments: Namespace) -> int:
    """Judge a run again and print what that would mean."""
    folder = find_run(arguments.run, Path(arguments.reports))
    problems = check_manifest(folder)
    if problems:
        raise RunError(f"{folder} is not as its run left it: {'; '.join(map(str, problems))}")
    record = read_run(folder, Redactor(()))
    path = find_target(arguments.target or str(record.target["name"]), Path.cwd())
    changes = dict(map(_change, arguments.changes))
    env_file = Path(arguments.env_file) if arguments.env_file else None
    target = load_promises(path, changes, env_file=env_file)
    catalogue = read_catalogue(suite_folders(user_folder(base_folder(path))))
    selection = Selection((), tuple(arguments.check))
    selection.refuse_unknown(catalogue)
    then = {check.id: check for stage in record.stages for check in stage.checks}
    owed = [c.id for c in catalogue if selection.admits(c) and why_not_applicable(c, target) is None]
    hook = _hooks()
    judged, nothing = list[Again](), list[str]()
    for check in owed:
        try:
            now = hook.shipworthy_judge(check=check, run_folder=folder, target=target)
        except FileNotFoundError as error:
            nothing.append(str(error))
        except (ProbeError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{check}: what the run kept cannot be read: {error!r}") from error
        else:
            judged += [Again(check, then.get(check), now)] if now else []
    return _conclude(folder, record.title, path, changes, judged, nothing)


def _change(text: str) -> tuple[str, Any]:
    """Read ``KEY=VALUE``; a value that is no TOML is a text."""
    key, equals, value = text.partition("=")
    if not (equals and key.strip()):
        raise RunError(f"--set {text}: write KEY=VALUE, as in inference.instant.ttft_p95_ms=300")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value


def _hooks() -> Any:
    """Give the hooks of the fixture plugins that ``conftest.py`` names, without a session of pytest."""
    manager = pluggy.PluginManager("pytest")
    manager.add_hookspecs(hooks)
    if str(HOUSE) not in sys.path:
        sys.path.insert(0, str(HOUSE))
    for name in _plugins():
        manager.register(importlib.import_module(name), name)
    return manager.hook


def _plugins() -> Sequence[str]:
    """Read the names without running ``conftest.py``."""
    for node in ast.parse((HOUSE / "conftest.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytest_plugins":
            names: list[str] = ast.literal_eval(node.value)
            return names
    raise RunError(f"{HOUSE / 'conftest.py'} names no plugins")


def _conclude(
    folder: Path,
    title: str,
    path: Path,
    changes: Mapping[str, Any],
    judged: Sequence[Again],
    nothing: Sequence[str],
) -> int:
    _say(f"run     {folder}  ({title})")
    _say(f"limits  {path}" + "".join(f", {key} = {value}" for key, value in changes.items()))
    for again in judged:
        _say("")
        for line in _lines(again):
            _say(line)
    for reason in nothing:
        _say(f"\nnot judged: {reason}", "dim")
    if not judged:
        raise RunError(
            "the run kept nothing that can be judged again: nothing in it, or nothing promised, fits"
        )
    broken = sum(again.outcome is not Outcome.PASSED for again in judged)
    style = "red" if broken else "green"
    _say(
        f"\n{count(judged, 'check')} judged again, {broken} would not hold; nothing was changed",
        "bold",
        style,
    )
    return 1 if broken else 0


def _lines(again: Again) -> Iterator[str]:
    was = f"was {again.then.outcome}" if again.then else "was not owed"
    yield paint(f"{again.check}  {was}, would be {again.outcome}", "bold")
    figures = again.then.last.get("measures") or [] if again.then else []
    then = {measure["name"]: measure for measure in figures}
    for measure in again.now.measures:
        yield f"    {figure(asdict(measure))}{_moved(then.get(measure.name), measure.limit)}"
    for note in again.now.notes:
        yield f"    {note}"
    for finding in again.now.findings:
        yield from (f"    {line}" for line in str(finding).splitlines())
    if again.now.unclear and not again.now.findings:
        yield f"    {again.now.unclear}"


def _moved(then: Mapping[str, Any] | None, limit: float | None) -> str:
    """Say what the limit was, where it was another."""
    if then is None or then.get("limit") == limit:
        return ""
    return (
        f"  (the limit was {then['limit']:g})" if then.get("limit") is not None else "  (there was no limit)"
    )


def _say(text: str, *styles: str) -> None:
    print(paint(text, *styles) if styles else text, flush=True)  # noqa: T201  a command's output
