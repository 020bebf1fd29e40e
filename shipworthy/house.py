"""Where the gate's own files are, and where a user's are."""

from __future__ import annotations

from pathlib import Path

from shipworthy.errors import Problem, TargetError

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "_house"
HOUSE = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent
"""The folder with ``conftest.py``, ``suites/``, ``fixtures/``, ``supabase/``, ``load/``, ``targets/``."""


def user_folder(folder: Path) -> Path:
    """Give the folder that a run belongs to: the target's own, or the working one for a shipped target."""
    return Path.cwd() if folder == HOUSE else folder


def untracked_folder(folder: Path) -> Path:
    """Make a folder for what the gate writes, and keep it out of the user's version control."""
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("# made by shipworthy\n*\n", encoding="utf-8")
    return folder


def suite_folders(here: Path) -> list[Path]:
    """Give the folders of stages: the shipped one, then the user's own below ``here``."""
    own = here.resolve() / "suites"
    shipped = HOUSE / "suites"
    return [shipped, own] if own.is_dir() and own != shipped else [shipped]


def find_target(name: str, here: Path) -> Path:
    """Find a target file by path or by name.

    ``staging`` is ``targets/staging.toml`` of the folder ``here``, else the shipped one.

    Raises:
        TargetError: there is no such file.

    """
    given = here / name
    if given.suffix == ".toml":
        return given
    places = [here / "targets" / f"{name}.toml", HOUSE / "targets" / f"{name}.toml"]
    for place in places:
        if place.is_file():
            return place
    known = sorted({file.stem for place in places for file in place.parent.glob("*.toml")})
    raise TargetError(
        name,
        [Problem("target", f"there is no {places[0]}", f"write it, or name one of: {', '.join(known)}")],
    )
