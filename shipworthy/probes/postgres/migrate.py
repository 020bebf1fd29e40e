"""Migrations and seeds of a Supabase project: read, applied one statement at a time, recorded."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from pglast import ast, enums

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.bootstrap import Connection, stand_in_for
from shipworthy.probes.postgres.statements import Statement, fits_transaction, split_statements

FILE_NAME = re.compile(r"(\d+)_(.*)\.sql")
CONNECTION_LOST = ("08", "57P")
"""SQLSTATE classes that say nothing about the statement."""
HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of ``migrations/``."""

    version: str
    name: str
    path: Path
    sql: str


@dataclass(frozen=True, slots=True)
class Seed:
    """One file that ``[db.seed]`` names."""

    path: Path
    sql: str


@dataclass(frozen=True, slots=True)
class Project:
    """A ``supabase/`` folder: what a database is made from."""

    path: Path
    migrations: tuple[Migration, ...]
    """In the order in which they are applied."""
    seeds: tuple[Seed, ...]
    config: dict[str, Any] = field(default_factory=dict)
    """``config.toml``; empty where there is none."""
    ignored: tuple[Path, ...] = ()
    """Files of ``migrations/`` that no tool applies, because of their names."""


class MigrationError(Exception):
    """The server refused a statement of a file."""

    def __init__(self, path: Path, statement: Statement, error: psycopg.Error) -> None:
        said = error.diag
        self.file = path.name
        self.line = statement.line + _lines_before(statement.sql, said.statement_position)
        self.statement = statement.sql
        self.sqlstate = error.sqlstate or "?"
        self.message = said.message_primary or str(error)
        self.detail = said.message_detail or ""
        self.hint = said.message_hint or ""
        super().__init__(f"{self.file}:{self.line}: {self.message} (SQLSTATE {self.sqlstate})")


def read_project(path: Path) -> Project:
    """Read a ``supabase/`` folder the way the Supabase CLI does.

    Raises:
        ProbeError: there is no such folder, no migration in it, or a file cannot be read.

    """
    if not path.is_dir():
        raise ProbeError(f"no project at {path}: name the folder that holds migrations/ and config.toml")
    files = sorted((path / "migrations").glob("*.sql"))
    migrations = [Migration(match[1], match[2], file, _read(file)) for file, match in _named(files)]
    if not migrations:
        raise ProbeError(f"{path / 'migrations'} has no file named <version>_<name>.sql")
    config = _config(path / "config.toml")
    known = {migration.path for migration in migrations}
    return Project(
        path=path,
        migrations=tuple(migrations),
        seeds=tuple(Seed(file, _read(file)) for file in _seed_files(path, config)),
        config=config,
        ignored=tuple(file for file in files if file not in known),
    )


def apply_migrations(connection: Connection, project: Project) -> tuple[str, ...]:
    """Apply what the database's history lacks, in order, and record it like the Supabase CLI.

    Args:
        connection: in autocommit mode; as the role that owns the schema.
        project: whose migrations are applied.

    Returns:
        The versions that were applied.

    Raises:
        MigrationError: the server refused a statement; earlier files stay applied.
        ProbeError: the server went away.

    """
    connection.execute(HISTORY.encode())
    present = {version for version, _, _ in read_history(connection)}
    missing = [migration for migration in project.migrations if migration.version not in present]
    for migration in missing:
        statements = split_statements(migration.sql)
        with connection.transaction() if fits_transaction(statements) else nullcontext():
            _run(connection, migration.path, statements)
            connection.execute("reset all")
            connection.execute(
                "insert into supabase_migrations.schema_migrations (version, statements, name)"
                " values (%s, %s, %s)",
                (migration.version, [statement.sql for statement in statements], migration.name),
            )
    return tuple(migration.version for migration in missing)


def apply_seed(connection: Connection, project: Project) -> None:
    """Load the project's seeds, each file in one transaction.

    Raises:
        MigrationError: the server refused a statement.

    """
    for seed in project.seeds:
        statements = split_statements(seed.sql)
        with connection.transaction() if fits_transaction(statements) else nullcontext():
            _run(connection, seed.path, statements)


def read_history(connection: Connection) -> list[tuple[str, str, list[str]]]:
    """Give the applied migrations in order: version, name, statements; none where nothing recorded any."""
    table = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
    if not table or not table[0]:
        return []
    rows = connection.execute(
        "select version, coalesce(name, ''), coalesce(statements, '{}')"
        " from supabase_migrations.schema_migrations order by version"
    ).fetchall()
    return [(version, name, statements) for version, name, statements in rows]


def _run(connection: Connection, path: Path, statements: list[Statement]) -> None:
    for statement in statements:
        try:
            connection.execute((_stood_in(connection, statement) or statement.sql).encode())
        except psycopg.Error as error:
            if (error.sqlstate or "08").startswith(CONNECTION_LOST):
                raise ProbeError(f"the server went away during {path.name}: {error}") from error
            raise MigrationError(path, statement, error) from error


def _stood_in(connection: Connection, statement: Statement) -> str | None:
    """Give what to run instead of a statement about an extension that is only stood in for."""
    node: Any = statement.node
    if isinstance(node, ast.CreateExtensionStmt):
        return stand_in_for(connection, str(node.extname))
    about_extension = isinstance(node, ast.CommentStmt) and node.objtype == enums.ObjectType.OBJECT_EXTENSION
    if about_extension or isinstance(node, ast.AlterExtensionStmt):
        name = node.object.sval if about_extension else node.extname
        return "select" if stand_in_for(connection, name) else None
    return None


def _lines_before(sql: str, position: str | None) -> int:
    return sql.count("\n", 0, int(position) - 1) if position else 0


def _named(files: list[Path]) -> Iterator[tuple[Path, re.Match[str]]]:
    for file in files:
        match = FILE_NAME.fullmatch(file.name)
        if match:
            yield file, match


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProbeError(f"{file} cannot be read: {error}") from error


def _config(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(file)) if file.is_file() else {}
    except tomllib.TOMLDecodeError as error:
        raise ProbeError(f"{file} is not valid TOML: {error}") from error


def _seed_files(path: Path, config: dict[str, Any]) -> Iterator[Path]:
    seed = config.get("db", {}).get("seed", {})
    if seed.get("enabled", True):
        for pattern in seed.get("sql_paths", ["./seed.sql"]):
            yield from sorted(path.glob(pattern.removeprefix("./")))
