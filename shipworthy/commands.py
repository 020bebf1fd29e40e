"""What each command does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from argparse import Namespace
from pathlib import Path

import shipworthy
from shipworthy.catalogue import EVERYTHING, Check, read_catalogue
from shipworthy.errors import ProbeError, RunError
from shipworthy.history import blocking_checks, find_run, problems_of
from shipworthy.house import find_target, suite_folders, user_folder
from shipworthy.ledger import now
from shipworthy.plan import Selection, make_plan
from shipworthy.project_target import find_project, project_name, project_target
from shipworthy.reference import down as reference_down
from shipworthy.reference import reference_running
from shipworthy.reference import up as reference_up
from shipworthy.revision import read_revision
from shipworthy.run import abandoned_runs, catalogue_for, house_path, open_run
from shipworthy.run import sweep as sweep_journal
from shipworthy.supervise import supervise
from shipworthy.target import load_target
from shipworthy.target.loader import base_folder
from shipworthy.terminal import count, paint, print_opening, print_summary
from shipworthy.waivers import waiver_stanza

DEMO_FAULT = "access.rls_disabled"


def run(arguments: Namespace) -> int:
    """Judge a target."""
    if "list" in arguments.plant:
        return _house_module("fixtures.reference", "faults")
    path = _target_file(arguments)
    selection = _selection(arguments)
    return _judge(
        path,
        selection,
        env_file=arguments.env_file,
        plant=arguments.plant,
        workers=arguments.workers,
        reports=Path(arguments.reports),
        load_profile=arguments.load_profile,
    )


def _judge(
    path: Path,
    selection: Selection,
    *,
    env_file: str | None = None,
    plant: list[str],
    workers: int | None = None,
    reports: Path,
    load_profile: str | None = None,
) -> int:
    selection.refuse_unknown(read_catalogue(suite_folders(user_folder(base_folder(path)))))
    with reference_running(path, env_file, plant=plant) as variables:
        loaded = load_target(path, env_file=variables, load_profile=load_profile)
        words = ["shipworthy", "run", loaded.named, *(f"--plant {fault}" for fault in plant)]
        run = open_run(loaded, selection, reports=reports, command=" ".join(words))
        print_opening(run)
        verdict = supervise(run, workers=_workers(workers), load_profile=load_profile)
        print_summary(verdict, run.folder, run.plan)
    return int(verdict["exit_code"])


def _target_file(arguments: Namespace) -> Path:
    """Give the target file: the one that is named, or one made for a project folder."""
    if bool(arguments.target) == bool(arguments.project):
        raise RunError("name either a TARGET or --project FOLDER")
    if arguments.project:
        return project_target(Path(arguments.project), arguments.scratch, arguments.image, say=_say)
    if arguments.scratch or arguments.image:
        raise RunError("--scratch and --image belong to --project; a target file has keys for them")
    return find_target(arguments.target, Path.cwd())


def _selection(arguments: Namespace) -> Selection:
    checks = tuple(arguments.check)
    if getattr(arguments, "failed", False):
        project = arguments.project
        name = project_name(find_project(Path(project))) if project else Path(arguments.target).stem
        checks += blocking_checks(find_run(name, Path(arguments.reports)))
    return Selection(tuple(arguments.stage), checks)


def _workers(given: int | None) -> int:
    if given is not None and given < 0:
        raise RunError(f"-n {given}: give the number of checks at once, 0 for one process")
    return given if given is not None else max(2, min(8, os.cpu_count() or 2))


def demo(arguments: Namespace) -> int:
    """Show a GO and a NO-GO."""
    path, reports = find_target("local", Path.cwd()), Path(arguments.reports)
    _say("The reference deployment as it should be:", "bold")
    first = _judge(path, Selection(), plant=[], reports=reports)
    _say(f"\nNow with one fault planted, {DEMO_FAULT}: anon can read a private table.", "bold")
    second = _judge(path, Selection(), plant=[DEMO_FAULT], reports=reports)
    if (first, second) == (0, 1):
        _say("\nThat is the whole idea: a version is shipworthy when the evidence says so.", "bold")
        return 0
    _say("\nThat was not the demonstration we meant: a GO and then a NO-GO were due.", "red")
    return 1


def verify(arguments: Namespace) -> int:
    """Check a run's evidence."""
    folder = find_run(arguments.run, Path(arguments.reports))
    problems = problems_of(folder, revision=arguments.revision, target=arguments.target)
    if problems:
        _say(f"NOT SHIPWORTHY  {folder}", "bold", "red")
        for problem in problems:
            _say(f"  {problem}")
        return 1
    _say(f"SHIPWORTHY  {folder}", "bold", "green")
    _say("  plan, ledger and manifest are whole, and the verdict that follows from them is GO")
    return 0


def plan(arguments: Namespace) -> int:
    """Print what a run would owe."""
    path = _target_file(arguments)
    with reference_running(path, arguments.env_file) as env_file:
        loaded = load_target(path, env_file=env_file)
    made = make_plan(
        catalogue_for(loaded),
        loaded.target,
        _selection(arguments),
        run="",
        created=now(),
        revision=read_revision(loaded.judged_folder, loaded.variables),
        command=f"shipworthy run {loaded.named}",
        shipworthy=shipworthy.__version__,
    )
    for stage in made.stages:
        _say(f"\n{stage['name']}  (at most {stage['budget_s']:g} s)", "bold")
        for check in made.checks:
            if check.stage == stage["name"]:
                alone = "alone" if check.alone == EVERYTHING else f"alone with {check.alone}"
                marks = [*(["mutates"] if check.mutates else []), *([alone] if check.alone else [])]
                _say(
                    f"  {check.id.removeprefix(stage['name'] + '.')}"
                    + (f"  ({', '.join(marks)})" if marks else "")
                )
    if made.unmet:
        _say("\nnot applicable", "bold")
        for identity, reason in made.unmet.items():
            _say(f"  {identity}: {reason}")
    owed = f"{count(made.checks, 'check')} owed in {count(made.stages, 'stage')}"
    _say(f"\n{owed}, {len(made.unmet)} not applicable")
    return 0


def checks(arguments: Namespace) -> int:
    """Print the catalogue."""
    catalogue = read_catalogue(suite_folders(Path.cwd()))
    selection = Selection(tuple(arguments.stage))
    selection.refuse_unknown(catalogue)
    stage = ""
    for check in filter(selection.admits, catalogue):
        if check.stage != stage:
            stage = check.stage
            _say(f"\n{stage}", "bold")
        _say(f"  {check.id}")
        _say(textwrap.fill(check.claim, 96, initial_indent="      ", subsequent_indent="      "), "dim")
    return 0


def explain(arguments: Namespace) -> int:
    """Print one check's documentation."""
    catalogue = read_catalogue(suite_folders(Path.cwd()))
    check = next((check for check in catalogue if check.id == arguments.check), None)
    if check is None:
        raise RunError(_unknown_check(arguments.check, catalogue))
    _say(check.id, "bold")
    for title, text in (("claim", check.claim), ("why", check.why), ("fix", check.fix)):
        if text:
            _say(textwrap.fill(text, 96, initial_indent=f"{title:>7}  ", subsequent_indent=" " * 9))
    _say(f"  needs  {', '.join(check.needs) or 'nothing but the target'}")
    if check.mutates:
        _say('         writes to the target: it needs writes = "synthetic" or "any"')
    _say(f"  stands {'/'.join(check.path.parts[-3:])}:{check.line}")
    _say(f"  alone  shipworthy run TARGET --check {check.id}")
    _say("\nA reviewed exception, for the target file; the subject is the one that the finding names:")
    _say(textwrap.indent(waiver_stanza(check.id, "…"), "    "))
    return 0


def _unknown_check(name: str, catalogue: list[Check]) -> str:
    import difflib

    close = difflib.get_close_matches(name, [check.id for check in catalogue], n=3, cutoff=0.4)
    return (
        f"there is no check {name!r}; did you mean {', '.join(close)}?"
        if close
        else f"there is no check {name!r}"
    )


def up(arguments: Namespace) -> int:
    """Start the reference deployment."""
    env = reference_up(find_target("local", Path.cwd()), plant=arguments.plant)
    _say(f"the reference deployment is up; its addresses and keys are in {env}")
    _say("  shipworthy run local   judges it\n  shipworthy down        stops it")
    return 0


def down(_arguments: Namespace) -> int:
    """Stop the reference deployment."""
    stopped = reference_down(find_target("local", Path.cwd()))
    _say("the reference deployment is down" if stopped else "the reference deployment was not up")
    return 0


def setup(_arguments: Namespace) -> int:
    """Install what pip cannot."""
    from shipworthy.setup import set_up

    try:
        set_up(_say)  # without a browser the UI stage says so: unverified
    except ProbeError as error:
        raise RunError(str(error)) from error
    return 0


def sweep(arguments: Namespace) -> int:
    """Remove what killed runs left behind."""
    path = find_target(arguments.target, Path.cwd())
    with reference_running(path, arguments.env_file) as env_file:
        loaded = load_target(path, env_file=env_file)
        journals = abandoned_runs(loaded)
        left = [said for journal in journals if (said := sweep_journal(journal, loaded))]
    for said in left:
        _say(said, "red")
    swept = f"{count(journals, 'abandoned run')} swept, {len(left)} of them with something left"
    _say(swept if journals else "nothing left behind")
    return 1 if left else 0


def _house_module(module: str, *words: str) -> int:
    environment = os.environ | {"PYTHONPATH": house_path()}
    return subprocess.run([sys.executable, "-m", module, *words], env=environment, check=False).returncode


def _say(text: str, *styles: str) -> None:
    print(paint(text, *styles) if styles else text, flush=True)  # noqa: T201  a command's output
