"""Real servers for the tests of everything that has to do with Postgres."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shipworthy.probes.postgres.embedded import EmbeddedServer, free_port
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed
from shipworthy.probes.postgres.project import Project, read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch

HOUSE = Path(__file__).parents[2]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)  # a test may know better


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    folder = tmp_path_factory.mktemp("postgres")
    server = EmbeddedServer(folder / "server", free_port(), secrets.token_urlsafe(), durable=False)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def scratch(embedded_server: EmbeddedServer) -> ScratchServer:
    return ScratchServer(embedded_server.dsn(), "postgres", secrets.token_hex(5))


@pytest.fixture(scope="session")
def reference_project() -> Project:
    return read_project(HOUSE / "supabase")


@pytest.fixture(scope="session")
def migrated(scratch: ScratchServer, reference_project: Project) -> str:
    def fill(dsn: str) -> None:
        with connect_scratch(dsn) as connection:
            apply_migrations(connection, reference_project)
            apply_seed(connection, reference_project)

    return scratch.template("migrated", fill, base=scratch.platform())


@pytest.fixture
def empty(scratch: ScratchServer) -> Iterator[psycopg.Connection[Any]]:
    """A database as Supabase hands it out."""
    yield from _connected(scratch, scratch.platform())


@pytest.fixture
def database(scratch: ScratchServer, migrated: str) -> Iterator[psycopg.Connection[Any]]:
    """The reference project, migrated and seeded."""
    yield from _connected(scratch, migrated)


def _connected(scratch: ScratchServer, template: str) -> Iterator[psycopg.Connection[Any]]:
    dsn = scratch.clone(template)
    with connect_scratch(dsn) as connection:
        yield connection
    scratch.drop(dsn)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Make a project of the given files: ``make_project(**{"migrations/1_a.sql": "select 1"})``."""

    def make(**files: str) -> Project:
        for name, text in files.items():
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return read_project(tmp_path / "project")

    return make
