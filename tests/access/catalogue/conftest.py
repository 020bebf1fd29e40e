"""One server of their own for the tests of the catalogue checks, and databases made by a few lines of SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from shipworthy.house import HOUSE
from shipworthy.probes.postgres.migrate import apply_migrations
from shipworthy.probes.postgres.project import Project, read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from tests.scratch_server import scratch_server

Made = Callable[..., psycopg.Connection[Any]]
Worlds = dict[bool, psycopg.Connection[Any]]


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchServer]:
    with scratch_server(tmp_path_factory.mktemp("catalogue-checks")) as server:
        yield server


@pytest.fixture(scope="session")
def reference_project() -> Project:
    return read_project(HOUSE / "supabase")


@pytest.fixture(scope="session")
def worlds(scratch: ScratchServer) -> Iterator[Worlds]:
    """One database for each of the platform's two defaults."""
    with ExitStack() as stack:
        made = {}
        for auto_expose in (True, False):
            dsn = scratch.clone(scratch.platform(auto_expose=auto_expose))
            made[auto_expose] = stack.enter_context(connect_scratch(dsn))
            made[auto_expose].execute("set search_path = ''")
        yield made


@pytest.fixture
def made(worlds: Worlds) -> Iterator[Made]:
    """Run SQL on a new project's database, and undo it: ``made("create table …", auto_expose=False)``.

    The next call for the same default starts from nothing again.
    """
    open_: dict[bool, ExitStack] = {}

    def make(sql: str = "select", *, auto_expose: bool = True) -> psycopg.Connection[Any]:
        connection = worlds[auto_expose]
        if auto_expose in open_:
            open_.pop(auto_expose).close()
        stack = open_[auto_expose] = ExitStack()
        stack.enter_context(connection.transaction(force_rollback=True))
        connection.execute(sql.encode())
        return connection

    yield make
    for stack in open_.values():
        stack.close()


@pytest.fixture
def fresh(scratch: ScratchServer) -> Iterator[Made]:
    """Give a new project's database of its own, with this SQL in it."""
    with ExitStack() as stack:

        def make(sql: str = "select", *, auto_expose: bool = True) -> psycopg.Connection[Any]:
            dsn = scratch.clone(scratch.platform(auto_expose=auto_expose))
            stack.callback(scratch.drop, dsn)
            connection = stack.enter_context(connect_scratch(dsn))
            connection.execute(sql.encode())
            connection.execute("set search_path = ''")
            return connection

        yield make


@pytest.fixture
def migrated(fresh: Made, reference_project: Project) -> Callable[[bool], psycopg.Connection[Any]]:
    """Migrate the reference project on the platform with either of its defaults."""

    def migrate(auto_expose: bool) -> psycopg.Connection[Any]:
        connection = fresh(auto_expose=auto_expose)
        apply_migrations(connection, reference_project)
        connection.execute("set search_path = ''")
        return connection

    return migrate
