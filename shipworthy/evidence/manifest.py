"""manifest.json: the sha256 of every file of a run, so that a change afterwards shows."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shipworthy.errors import Problem

NAME = "manifest.json"
ATTESTATION = "attestation.json"
VERSION = 1


def seal(folder: Path) -> Path:
    """Write the manifest over everything that lies in a run's folder, and give its path."""
    files = {name: _describe(folder / name) for name in _names(folder)}
    manifest = {"version": VERSION, "run": folder.name, "files": files}
    return write_whole(folder / NAME, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def check(folder: Path) -> list[Problem]:
    """Compare the folder with its manifest; no problem means that every byte is as it was sealed."""
    try:
        manifest = json.loads((folder / NAME).read_text(encoding="utf-8"))
        sealed = dict(manifest["files"])
        version = manifest["version"]
    except FileNotFoundError:
        return [Problem(NAME, "missing: the run was never sealed", "run the gate again")]
    except (ValueError, KeyError, TypeError) as error:
        return [Problem(NAME, f"cannot be read: {error}", "run the gate again")]
    if version != VERSION:
        return [Problem(NAME, f"version {version}", f"version {VERSION}, which this shipworthy reads")]
    present = set(_names(folder))
    return [*_changed(folder, sealed, present), *_added(present - sealed.keys())]


def write_whole(path: Path, text: str) -> Path:
    """Write a file that is there as a whole or not at all, also when the process is killed."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _changed(folder: Path, sealed: dict[str, Any], present: set[str]) -> Iterator[Problem]:
    for name, described in sorted(sealed.items()):
        if name not in present:
            yield Problem(name, "missing", "the file as it was sealed")
        elif (now := _describe(folder / name)) != described:
            yield Problem(name, f"changed: {now}", f"the file as it was sealed: {described}")


def _added(names: set[str]) -> Iterator[Problem]:
    for name in sorted(names):
        yield Problem(name, "added after the run was sealed", "take it out of the folder")


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if (path.is_symlink() or not path.is_dir()) and name not in {NAME, ATTESTATION}:
            yield name


def _describe(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not path.is_file():
        return {"sha256": "not a regular file", "bytes": 0}
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}
