"""``shipworthy access``: who reaches what in a project, against what its contract says."""

from __future__ import annotations

import difflib
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shipworthy.errors import RunError
from shipworthy.house import HOUSE, find_target
from shipworthy.project_target import project_target
from shipworthy.reference import is_reference
from shipworthy.rehearsal import scratch_server
from shipworthy.target import LoadedTarget, load_target
from shipworthy.terminal import count, paint

if TYPE_CHECKING:
    from shipworthy.probes.postgres.access.audiences import Measured
    from shipworthy.probes.postgres.access.contract import Contract
    from shipworthy.probes.postgres.access.differences import Difference
    from shipworthy.probes.postgres.project import Project
    from shipworthy.probes.postgres.scratch import ScratchServer

SLOW_S = 2.0
WIDTH = 160
"""Columns of the table where the output is no terminal."""
DESCRIPTION = """\
Builds the project from its migrations on a scratch database, fills two worlds of rows that have nothing to
do with each other, tries every command on every table as everyone from anon to admin, and says who reached
what: everyone (anon too), users (signed in), members (of the rows' own world), admins (of it), owner (rows
tied to oneself), nobody (the service only).

Where the project has an access contract, supabase/access.toml, both are compared, in both directions.
Where it has none, --write drafts it: review it, commit it, and from then on every difference is a finding
of `shipworthy run`. With a contract, --write brings the lines in line that differ, and shows them.

  shipworthy access supabase             measure, and compare with supabase/access.toml
  shipworthy access supabase --write     draft it, or bring it in line with what was measured
  shipworthy access staging              the project of targets/staging.toml
"""
EXIT_CODES = (
    "exit codes: 0 it is as the contract says (or there was none), 1 it differs, 2 it could not be told"
)


@dataclass(frozen=True, slots=True)
class Access:
    """What was found out about one project."""

    contract: Contract
    measured: Measured
    exposed: tuple[str, ...]
    differences: tuple[Difference, ...]


def access(arguments: Namespace) -> int:
    """Measure, print, compare; draft the contract where that was asked for."""
    from shipworthy.probes.postgres.access.contract import FILE, read_contract

    loaded = _loaded(arguments)
    folder = _project_folder(loaded)
    contract = read_contract(folder)  # its problems before anything is started
    with scratch_server(loaded) as server:
        found = _measure(folder, contract, server)
    _print_access(found)
    return _conclude(found, folder / FILE, write=arguments.write)


def _loaded(arguments: Namespace) -> LoadedTarget:
    given = Path(arguments.target)
    if given.is_dir():
        path = project_target(given, arguments.scratch, arguments.image, say=_say)
    elif arguments.scratch or arguments.image:
        raise RunError("--scratch and --image go with a project folder; a target file says these itself")
    else:
        path = find_target(arguments.target, Path.cwd())
        if is_reference(path):  # its variables are known only while it runs; its project is a folder here
            path = project_target(HOUSE / "supabase", say=_say)
    return load_target(path)


def _project_folder(loaded: LoadedTarget) -> Path:
    database = loaded.target.database
    if database is None:
        raise RunError(f"{loaded.path}: it declares no [database]; name a project folder instead")
    return loaded.folder / database.project


def _measure(folder: Path, contract: Contract, server: ScratchServer) -> Access:
    from shipworthy.probes.postgres.access.audiences import Measured, read_audiences, read_function_audiences
    from shipworthy.probes.postgres.access.differences import compare
    from shipworthy.probes.postgres.access.proving import measure_worlds
    from shipworthy.probes.postgres.access.schema import read_schema
    from shipworthy.probes.postgres.access.worlds import build_worlds
    from shipworthy.probes.postgres.exposure import exposed_relations, project_functions
    from shipworthy.probes.postgres.project import read_project
    from shipworthy.probes.postgres.scratch import connect_scratch

    project = read_project(folder)
    schemas = tuple(project.config.get("api", {}).get("schemas", ("public", "graphql_public")))
    dsn = _migrated(project, server)
    with connect_scratch(dsn) as connection:
        connection.execute("set search_path = ''")  # so that types are named in full
        with _step("reading the schema"):
            schema = read_schema(connection, schemas)
            relations = exposed_relations(connection, schemas)
            functions = read_function_audiences(connection, project_functions(connection, schemas))
        with _step("making two worlds of rows"):
            worlds = build_worlds(connection, schema, claims=contract.claims, templates=contract.rows)
    with _step(f"trying every command on {count(relations, 'table')}"):
        matrix = measure_worlds(server, dsn, schema, worlds)
    exposed = {relation.name: relation.kind for relation in relations if not relation.partition}
    measured = Measured(read_audiences(matrix, worlds, exposed), functions)
    return Access(contract, measured, tuple(exposed), compare(contract, measured, exposed, schema))


def _migrated(project: Project, server: ScratchServer) -> str:
    """Give the DSN of a database with the project's schema and no row but those that migrations write."""
    from shipworthy.probes.postgres.migrate import MigrationError, apply_migrations
    from shipworthy.probes.postgres.scratch import connect_scratch

    def fill(dsn: str) -> None:
        with connect_scratch(dsn) as connection:
            apply_migrations(connection, project)

    exposed = project.config.get("api", {}).get("auto_expose_new_tables", True)
    try:
        with _step(f"applying {count(project.migrations, 'migration')}"):
            platform = server.platform(auto_expose=exposed)
            return server.clone(server.template("unseeded", fill, base=platform))
    except MigrationError as error:
        raise RunError(f"the migrations do not apply: {error}") from error


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Show a step while it lasts; keep its line where it was a long one."""
    console, began = Console(stderr=True), time.monotonic()
    with console.status(f"{what} …"):
        yield
    took = time.monotonic() - began
    if took > SLOW_S:
        console.print(f"  {took:5.1f} s  {what}", highlight=False, markup=False)


def _print_access(found: Access) -> None:
    from shipworthy.probes.postgres.access.audience import words
    from shipworthy.probes.postgres.access.contract import COMMANDS

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    table = _table("table", *COMMANDS)
    relations = [found.measured.relations[name] for name in found.exposed]
    for relation in relations:
        said = ["?" if sql in relation.unproven else words(relation.access[sql]) for sql in COMMANDS.values()]
        table.add_row(Text(relation.relation), *map(_audience, said))
    console.print(table if found.exposed else "the Data API serves no table of this project")
    console.print()
    called = [function for function in found.measured.functions if function.audiences]
    if called:
        functions = _table("function", "execute")
        for function in called:
            functions.add_row(Text(function.signature), _audience(words(function.audiences)))
        console.print(functions)
        console.print()
    for relation in relations:
        for doubt in relation.doubts:
            _say(f"  {relation.relation}: {doubt}", "red")
        for reason in dict.fromkeys(relation.unproven.values()):
            _say(f"  {relation.relation}: could not be tried: {reason}", "yellow")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index == 0)
    return table


def _audience(text: str) -> Text:
    styles = {"nobody": "dim", "everyone": "bold yellow", "users": "yellow"}
    return Text(text, style=styles.get(text.partition(" ")[0], ""))


def _conclude(found: Access, path: Path, *, write: bool) -> int:
    from shipworthy.probes.postgres.access.draft import draft, redraft

    if found.contract.in_force and not found.differences:
        _say(f"\nit is as {path} says", "bold", "green")
        return 0
    old = path.read_text(encoding="utf-8") if found.contract.source else ""
    new = redraft(old, found.measured, found.differences) if old else draft(found.measured, found.exposed)
    if found.contract.in_force:
        _print_differences(found.differences, path)
        _print_diff(old, new, path)
    if write:
        path.write_text(new, encoding="utf-8")
        _say(f"\nwritten: {path}; it says what is so: review whether that is what is meant", "bold")
        return 0
    if found.contract.in_force:
        _say("\n--write makes these changes; what is not meant has to be mended in a migration instead")
        return 1
    _say(f"\nno access contract, so there is nothing to compare with; --write drafts {path}")
    return 0


def _print_differences(differences: Sequence[Difference], path: Path) -> None:
    _say(f"\n{count(differences, 'difference')} from {path}", "bold", "red")
    for difference in differences:
        for part in ("subject", "saw", "want", "fix"):
            _say(f"  {part:>9}: {getattr(difference, part)}")
        _say("")


def _print_diff(old: str, new: str, path: Path) -> None:
    lines = difflib.unified_diff(
        old.splitlines(),
        new.splitlines(),
        f"{path.name} as it is",
        f"{path.name} as measured",
        lineterm="",
        n=1,
    )
    colours = {"+": ("green",), "-": ("red",)}
    for line in lines:
        _say(line, *colours.get(line[:1], ("dim",)))


def _say(text: str, *styles: str) -> None:
    print(paint(text, *styles) if styles else text, flush=True)  # noqa: T201  a command's output
