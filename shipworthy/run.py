"""One run of the gate: its folder, its plan, and how it is concluded."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

import shipworthy
from shipworthy.catalogue import Check, read_catalogue
from shipworthy.errors import RunError
from shipworthy.evidence.circumstances import circumstances
from shipworthy.evidence.manifest import seal, write_whole
from shipworthy.evidence.redaction import Redactor, clean, search
from shipworthy.house import HOUSE, suite_folders, untracked_folder, user_folder
from shipworthy.journal import RUN_ENTRY, Entry, Journal
from shipworthy.ledger import Ledger, digest_of, now, read_ledger
from shipworthy.plan import Plan, Selection, make_plan, read_plan
from shipworthy.processes import end_processes_of
from shipworthy.revision import read_revision
from shipworthy.target import LoadedTarget
from shipworthy.verdict import derive_verdict

RUN_VARIABLE = "SHIPWORTHY_RUN"
"""Set in the environment of everything a run starts: what still carries it afterwards is ended."""
SWEEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder (evidence), workspace (scratch files, removed) and journal (what to undo)."""

    folder: Path
    plan: Plan
    loaded: LoadedTarget

    @property
    def id(self) -> str:
        """Ten hexadecimal digits, unique to the run."""
        return self.plan.run

    @property
    def ledger(self) -> Path:
        """Where the ledger is."""
        return self.folder / "ledger.jsonl"

    @property
    def workspace(self) -> Path:
        """A folder shared by the run's processes, gone when the run is concluded."""
        return Path(tempfile.gettempdir()) / f"shipworthy-{self.id}"

    @property
    def journal(self) -> Journal:
        """What the run makes outside its folder."""
        return Journal(state_folder(self.loaded) / "journal" / self.loaded.target.name / self.id)

    @property
    def redactor(self) -> Redactor:
        """Replaces this run's secrets."""
        return Redactor(self.loaded.secrets, self.loaded.variables)


def state_folder(loaded: LoadedTarget) -> Path:
    """Give the folder for what outlives a run but is no evidence."""
    return untracked_folder(user_folder(loaded.folder) / ".shipworthy")


def catalogue_for(loaded: LoadedTarget) -> list[Check]:
    """Read the shipped checks and those beside the target file."""
    return read_catalogue(suite_folders(user_folder(loaded.folder)))


def open_run(loaded: LoadedTarget, selection: Selection, *, reports: Path, command: str) -> Run:
    """Make the run's folder and seal its plan into it.

    Raises:
        RunError: the selection names what does not exist, or the target shows a secret.

    """
    identity, created = secrets.token_hex(5), now()
    revision = read_revision(loaded.judged_folder, loaded.variables)
    plan = make_plan(
        catalogue_for(loaded),
        loaded.target,
        selection,
        run=identity,
        created=created,
        revision=revision,
        command=command,
        shipworthy=shipworthy.__version__,
    )
    _refuse_secrets(plan, loaded)
    stamp = created[:19].replace("-", "").replace(":", "")
    folder = (
        untracked_folder(reports.resolve() / "runs")
        / loaded.target.name
        / f"{stamp}-{revision.short}-{identity}"
    )
    folder.mkdir(parents=True)
    plan.write(folder / "plan.json")
    run = Run(folder, plan, loaded)
    run.journal.record(RUN_ENTRY, pid=os.getpid(), workspace=str(run.workspace), id=identity)
    run.workspace.mkdir(mode=0o755)
    _write_ledger(run, "start", plan=plan.digest, **circumstances())
    return run


def _refuse_secrets(plan: Plan, loaded: LoadedTarget) -> None:
    """A plan is sealed as it is: what it repeats of the target file must be public."""
    text = json.dumps(asdict(plan), ensure_ascii=False)
    if Redactor(loaded.secrets, loaded.variables).redact(text) != text:
        raise RunError(
            f"{loaded.path}: a secret stands where the reports would show it"
            " (an address, a name or a waiver); keep it in a key of its own"
        )


def attach_run(folder: Path, loaded: LoadedTarget) -> Run:
    """Find an open run again, from another process."""
    return Run(folder, read_plan(folder / "plan.json"), loaded)


def stop_run(run: Run, reason: str) -> None:
    """Record why the run ends before its time; such a run is never GO."""
    _write_ledger(run, "stopped", reason=run.redactor.redact(reason))


def conclude_run(run: Run) -> dict[str, Any]:
    """Undo what is left over, derive the verdict, make the reports, seal the folder.

    Returns:
        The content of ``verdict.json``.

    """
    from shipworthy.evidence.render import render  # templates: not wanted before the end

    left = sweep(run.journal, run.loaded)
    if left:
        stop_run(run, left)
    clean(run.folder / "stages", run.redactor)
    leaks = search(run.folder, run.loaded.secrets)
    if leaks:
        for leak in leaks:
            (run.folder / leak.path.partition("!")[0]).unlink(missing_ok=True)
        stop_run(run, f"secrets in the evidence: {'; '.join(map(str, leaks))}; those files were removed")
    verdict = derive_verdict(run.plan, read_ledger(run.ledger), ledger_digest=digest_of(run.ledger))
    write_whole(run.folder / "verdict.json", json.dumps(verdict, indent=1, ensure_ascii=False) + "\n")
    render(run.folder, run.redactor)
    seal(run.folder)
    return verdict


def sweep(journal: Journal, loaded: LoadedTarget) -> str | None:
    """Undo what a run made, newest first: its rows and servers, its processes, its workspace.

    Says what could not be removed; None where everything is gone.
    """
    left = _remove_entries(journal, loaded)
    for entry in journal.entries():
        if entry.kind == RUN_ENTRY:
            end_processes_of(RUN_VARIABLE, entry.data["id"])
            shutil.rmtree(entry.data["workspace"], ignore_errors=True)
            if not left:
                entry.done()
                shutil.rmtree(journal.folder)
    return left


def abandoned_runs(loaded: LoadedTarget) -> list[Journal]:
    """Find the journals of runs whose process is gone."""
    folders = sorted((state_folder(loaded) / "journal" / loaded.target.name).glob("*"))
    journals = [journal for journal in map(Journal, folders) if any(journal.entries())]
    return [journal for journal in journals if not any(map(_is_under_way, journal.entries()))]


def _is_under_way(entry: Entry) -> bool:
    return entry.kind == RUN_ENTRY and psutil.pid_exists(entry.data["pid"])


def _remove_entries(journal: Journal, loaded: LoadedTarget) -> str | None:
    if all(entry.kind == RUN_ENTRY for entry in journal.entries()):
        return None
    argv = [
        sys.executable,
        "-m",
        "fixtures.sweep",
        "--target",
        str(loaded.path),
        "--journal",
        str(journal.folder),
    ]
    with variables_file(loaded, journal.folder) as variables:
        try:
            done = subprocess.run(
                [*argv, "--env-file", str(variables)],
                capture_output=True,
                text=True,
                timeout=SWEEP_S,
                check=False,
                env=os.environ | {"PYTHONPATH": house_path()},
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return (
                f"left behind: removal took over {SWEEP_S:.0f} s; run `shipworthy sweep {loaded.target.name}`"
            )
    if done.returncode == 0:
        return None
    said = (done.stdout + done.stderr).strip().splitlines()
    return f"left behind: {said[-1] if said else 'unknown'}; run `shipworthy sweep {loaded.target.name}`"


@contextmanager
def variables_file(loaded: LoadedTarget, folder: Path) -> Iterator[Path]:
    """Hand a target's variables to another process in a file that only we can read.

    The folder is one that a sweep removes, should this process be killed.
    """
    descriptor, name = tempfile.mkstemp(dir=folder, suffix=".env")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for key, value in loaded.own_variables.items():
                file.write(f"{key}={json.dumps(value)}\n")
        yield path
    finally:
        path.unlink(missing_ok=True)


def house_path() -> str:
    """Give the PYTHONPATH on which the house's own modules are found."""
    rest = os.environ.get("PYTHONPATH")
    return str(HOUSE) + (os.pathsep + rest if rest else "")


def _write_ledger(run: Run, event: str, **facts: Any) -> None:
    ledger = Ledger(run.ledger)
    ledger.append(event, **facts)
    ledger.close()
