"""A Supabase project's folder, read as the Supabase CLI reads it.

Source of the rules: the CLI itself, 3.1 (``db push``, ``db reset``); 2.x differs in nothing that is
read here. What it passes over in silence is kept by name, so that a check can say so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from shipworthy.errors import ProbeError

FILE_NAME = re.compile(r"([0-9]+)_(.*)\.sql", re.DOTALL)
SUPERSEDED = re.compile(r"([0-9]{14})_init\.sql")
"""What the first releases of the CLI wrote as the first migration; the CLI passes over it since."""
SUPERSEDED_BEFORE = "20211209000000"
VARIABLE = re.compile(r"env\(([^)]*)\)")
ENV_FILES = (".env", ".env.local")
GLOB = re.compile(r"[*?\[]")
TRUE = frozenset({"true", "1", "t"})
FALSE = frozenset({"false", "0", "f"})


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of ``migrations/``."""

    version: str
    name: str
    path: Path
    sql: str


@dataclass(frozen=True, slots=True)
class Source:
    """One other file of SQL: ``roles.sql``, a declared schema, a seed."""

    path: Path
    sql: str


class Seed(Source):
    """One file that ``[db.seed]`` names."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A ``supabase/`` folder: what a database is made from."""

    path: Path
    migrations: tuple[Migration, ...]
    """In the order in which they are applied; none where ``[db.migrations]`` turns them off."""
    seeds: tuple[Seed, ...]
    config: dict[str, Any] = field(default_factory=dict)
    """``config.toml``, each ``env(NAME)`` as the project's own ``.env`` says; empty where there is none."""
    ignored: tuple[Path, ...] = ()
    """Files of ``migrations/`` that no tool applies, because of their names."""
    roles: Source | None = None
    """``roles.sql``: applied before the migrations."""
    schemas: tuple[Source, ...] = ()
    """The declared schema (``schema_paths``, else ``schemas/``): migrations are generated from it."""
    unmatched: tuple[str, ...] = ()
    """Patterns of ``sql_paths`` that match no file."""
    migrations_enabled: bool = True


def read_project(path: Path) -> Project:
    """Read a ``supabase/`` folder.

    Raises:
        ProbeError: there is no such folder, nothing of a project in it, or a file cannot be read.

    """
    if not path.is_dir():
        raise ProbeError(f"no project at {path}: name the folder that holds migrations/ and config.toml")
    config = _config(path)
    files = sorted((path / "migrations").glob("*.sql"), key=_by_bytes)
    enabled = setting(config, "db.migrations.enabled", default=True)
    migrations = tuple(_migrations(files))
    schemas = tuple(_schema_files(path, config))
    if not (migrations or schemas or (path / "config.toml").is_file()):
        raise ProbeError(f"{path / 'migrations'} has no file named <version>_<name>.sql")
    seeds, unmatched = _seed_files(path, config)
    roles = path / "roles.sql"
    known = {migration.path for migration in migrations}
    return Project(
        path=path,
        migrations=migrations if enabled else (),
        seeds=tuple(seeds),
        config=config,
        ignored=tuple(file for file in files if file not in known and file.is_file()),
        roles=Source(roles, _read(roles)) if roles.is_file() else None,
        schemas=schemas,
        unmatched=tuple(unmatched),
        migrations_enabled=enabled,
    )


def setting(config: Mapping[str, Any], key: str, *, default: bool) -> bool:
    """Give a switch of ``config.toml`` by its dotted key; the default where it is absent or no boolean."""
    node: Any = config
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    if isinstance(node, bool):
        return node
    text = str(node).lower()
    return True if text in TRUE else False if text in FALSE else default


def _migrations(files: list[Path]) -> list[Migration]:
    """Read those that the CLI applies, in its order: by version as text, then by name."""
    found = []
    for number, file in enumerate(files):
        match = FILE_NAME.fullmatch(file.name)
        old = SUPERSEDED.search(file.name) if not number else None
        if match and file.is_file() and not (old and old[1] < SUPERSEDED_BEFORE):
            found.append(Migration(match[1], match[2], file, _read(file)))
    return sorted(found, key=lambda migration: migration.version)


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:  # line ends stay: they are recorded
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ProbeError(f"{file} cannot be read: {error}") from error
    if "\0" in text:
        raise ProbeError(f"{file} cannot be read: it has a null byte in it, which no server takes")
    return text


def _config(path: Path) -> dict[str, Any]:
    file = path / "config.toml"
    try:
        config = tomllib.loads(_read(file).replace("\r\n", "\n")) if file.is_file() else {}
    except tomllib.TOMLDecodeError as error:
        raise ProbeError(f"{file} is not valid TOML: {error}") from error
    variables: dict[str, str | None] = {}
    for name in ENV_FILES:
        if (path / name).is_file():
            variables |= dotenv_values(path / name)
    resolved: dict[str, Any] = _resolved(config, variables)
    return resolved


def _resolved(node: Any, variables: Mapping[str, str | None]) -> Any:
    """Put values in the place of ``env(NAME)``; what has none stays as it is written."""
    if isinstance(node, dict):
        return {name: _resolved(value, variables) for name, value in node.items()}
    if isinstance(node, list):
        return [_resolved(value, variables) for value in node]
    match = VARIABLE.fullmatch(node) if isinstance(node, str) else None
    return (variables.get(match[1]) or node) if match else node


def _seed_files(path: Path, config: dict[str, Any]) -> tuple[list[Seed], list[str]]:
    if not setting(config, "db.seed.enabled", default=True):
        return [], []
    patterns = _texts(_section(config, "db", "seed").get("sql_paths", ["./seed.sql"]))
    matches = {pattern: list(_matching(path, pattern)) for pattern in patterns}
    files = dict.fromkeys(file for found in matches.values() for file in found)
    return [Seed(file, _read(file)) for file in files], [p for p, found in matches.items() if not found]


def _schema_files(path: Path, config: dict[str, Any]) -> Iterator[Source]:
    declared = _texts(_section(config, "db", "migrations").get("schema_paths", []))
    files = [file for pattern in declared for file in _matching(path, pattern)]
    if not declared:
        files = sorted((path / "schemas").rglob("*.sql"), key=_by_bytes)
    for file in dict.fromkeys(files):
        yield Source(file, _read(file))


def _section(config: Any, *names: str) -> Mapping[str, Any]:
    for name in names:
        config = config.get(name, {}) if isinstance(config, Mapping) else {}
    return config if isinstance(config, Mapping) else {}


def _texts(value: Any) -> list[str]:
    """Read a list of patterns; one text is one with commas, as the CLI takes it."""
    if isinstance(value, str):
        return [part for part in value.split(",") if part]
    return [str(item) for item in value] if isinstance(value, list) else []


def _matching(path: Path, pattern: str) -> Iterator[Path]:
    """Give the files of one pattern, sorted; a directory stands for every file of SQL below it.

    ``*`` does not cross a ``/``, and ``**`` is no more than ``*``: so it is in the CLI.
    """
    places = [Path("/") if pattern.startswith("/") else path]
    for part in (part for part in pattern.split("/") if part not in {"", "."}):
        places = [found for place in places for found in _below(place, part)]
    for found in sorted(places, key=_by_bytes):
        if found.is_dir():
            yield from sorted((file for file in found.rglob("*.sql") if file.is_file()), key=_by_bytes)
        else:
            yield found


def _below(place: Path, part: str) -> Iterable[Path]:
    if not GLOB.search(part):
        return [place / part] if (place / part).exists() else []
    names = (entry.name for entry in place.iterdir()) if place.is_dir() else ()
    return [place / name for name in names if fnmatchcase(name, part)]


def _by_bytes(path: Path) -> bytes:
    return str(path).encode(errors="surrogateescape")
