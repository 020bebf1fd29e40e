"""A target file for nothing but a project folder: what ``--project`` judges.

The file is written below ``.shipworthy/targets/``, which no version control keeps, so that the
processes of a run read the same target, and the folder that a run is started in stays its home.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from shipworthy.errors import ProbeError, RunError
from shipworthy.house import untracked_folder
from shipworthy.target.sections import Database

LAYOUT = "the folder that holds migrations/ and config.toml, or the repository above it"
DEPTH = 4
"""How deep below a repository a ``supabase/`` folder is looked for."""
PULL_S = 180.0
"""How long an image may take to come; the embedded server is up in a second."""
PASSED_OVER = frozenset({"node_modules", "vendor", "dist", "build", "target", "venv", "site-packages"})
Say = Callable[[str], None]


def project_target(
    path: Path, scratch: str | None = None, image: str | None = None, *, say: Say | None = None
) -> Path:
    """Write a target that declares one project folder and a scratch server, and nothing else.

    Args:
        path: the folder with ``migrations/`` and ``config.toml``, or one above it.
        scratch: ``container``, ``embedded`` or a DSN; where None, a container if its image can be
            had here, else the embedded server.
        image: for the container; naming one asks for a container.
        say: is told which scratch server it will be, and why.

    Returns:
        The target file.

    Raises:
        RunError: there is no project at the path, or more than one.

    """
    project = find_project(path)
    chosen, why = (scratch, "as asked for") if scratch else choose_scratch(image)
    if say:
        named = f" of {image or default_image()}" if chosen == "container" else ""
        server = f"{chosen}{named}" if chosen in {"container", "embedded"} else "the given server"
        say(f"project {project}; scratch server: {server} ({why})")
    lines = [
        f"# Made by shipworthy for {project}.".replace("\n", " "),
        f"name = {_toml(project_name(project))}",
        "",
        "[database]",
        f"project = {_toml(str(project))}",
        f"scratch = {_toml(chosen)}",
        *([f"image = {_toml(image)}"] if image else []),
    ]
    return _write(project_name(project), "\n".join(lines) + "\n")


def find_project(path: Path) -> Path:
    """Find the one ``supabase/`` folder that a path means, absolute.

    Raises:
        RunError: none, or several; the message names them.

    """
    given = path.resolve()
    if not given.is_dir():
        raise RunError(f"--project {path}: there is no such folder; name {LAYOUT}")
    if (given / "config.toml").is_file() or (given.name == "supabase" and _is_project(given)):
        return given
    found = [given / "supabase"] if _is_project(given / "supabase") else []
    found = found or ([given] if _is_project(given) else list(_below(given, DEPTH)))
    if len(found) == 1:
        return found[0]
    if not found:
        raise RunError(f"--project {path}: no migrations and no config.toml there; name {LAYOUT}")
    several = ", ".join(str(folder.relative_to(given)) for folder in found)
    raise RunError(f"--project {path}: there are {len(found)} projects below it ({several}); name one")


def project_name(project: Path) -> str:
    """Make a target's name of the project's id, else of the folder that it belongs to."""
    folder = project.parent if project.name == "supabase" else project
    for candidate in (_project_id(project), folder.name):
        name = re.sub(r"[^a-z0-9_-]+", "-", candidate.lower()).strip("-_")
        if name:
            return name
    return "project"


def choose_scratch(image: str | None) -> tuple[str, str]:
    """Choose between container and embedded server; gives the kind and the reason."""
    if image:
        return "container", "an image was named"
    from shipworthy.probes.postgres.container import provide_image

    try:
        provide_image(default_image(), within_s=PULL_S)
    except ProbeError as error:
        return "embedded", str(error).partition(";")[0]
    return "container", "its image is here"


def default_image() -> str:
    """Name the image that a target means where it names none: the platform's own."""
    return str(Database.model_fields["image"].default)


def _is_project(folder: Path) -> bool:
    holds_sql = any(next((folder / name).glob("**/*.sql"), None) for name in ("migrations", "schemas"))
    return (folder / "config.toml").is_file() or holds_sql


def _below(folder: Path, depth: int) -> Iterator[Path]:
    for below in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()):
        if below.name == "supabase" and _is_project(below):
            yield below
        elif depth > 1 and not below.name.startswith(".") and below.name not in PASSED_OVER:
            yield from _below(below, depth - 1)


def _project_id(project: Path) -> str:
    try:
        config = tomllib.loads((project / "config.toml").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return ""  # the migrations stage says what is wrong with it
    named = str(config.get("project_id", ""))
    return "" if named.startswith("env(") else named


def _toml(text: str) -> str:
    """Quote a text for TOML, whose strings are those of JSON; a ``${NAME}`` in it stays a variable."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write(name: str, text: str) -> Path:
    """Write the file whole and for us alone: a DSN has a password in it."""
    folder = untracked_folder(Path.cwd() / ".shipworthy") / "targets"
    folder.mkdir(exist_ok=True)
    # Runs of other options at the same time have files of their own.
    file = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.toml"
    descriptor, partial = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(partial).replace(file)
    return file
