"""A server of their own for the tests of the access proof, and databases made by a few lines of SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from shipworthy.probes.postgres.access.calls import measure_calls
from shipworthy.probes.postgres.access.matrix import measure_access
from shipworthy.probes.postgres.access.model import AccessMatrix
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from tests.access.proof.small_worlds import ORGANIZATIONS, read_worlds
from tests.scratch_server import scratch_server

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchServer]:
    with scratch_server(tmp_path_factory.mktemp("access-proof")) as server:
        yield server


@pytest.fixture(scope="session")
def organizations(scratch: ScratchServer) -> str:
    """The template with two organizations, their members, and everyone who acts."""

    def fill(dsn: str) -> None:
        with connect_scratch(dsn) as connection:
            connection.execute(ORGANIZATIONS)

    return scratch.template("organizations", fill, base=scratch.platform())


@pytest.fixture
def make(scratch: ScratchServer, organizations: str) -> Iterator[Callable[..., psycopg.Connection]]:
    """A database of two organizations with more in it: ``make("create table …")``."""
    with ExitStack() as stack:

        def run(*sql: str) -> psycopg.Connection:
            dsn = scratch.clone(organizations)
            stack.callback(scratch.drop, dsn)
            connection = stack.enter_context(connect_scratch(dsn))
            connection.execute(";".join(sql))
            return connection

        yield run


@pytest.fixture
def measure(make: Callable[..., psycopg.Connection]) -> Callable[..., AccessMatrix]:
    """Make such a database and measure who reaches what."""

    def run(*sql: str, flags=("is_public",), attempt_s: float = 2.0) -> AccessMatrix:
        connection = make(*sql)
        schema, worlds = read_worlds(connection, flags=flags)
        return measure_access(connection, schema, worlds, attempt_s=attempt_s)

    return run


@pytest.fixture
def called(make: Callable[..., psycopg.Connection]):
    """Make such a database and call its functions."""

    def run(*sql: str, attempt_s: float = 2.0):
        connection = make(*sql)
        schema, worlds = read_worlds(connection)
        return measure_calls(connection, schema, worlds, ["public"], attempt_s=attempt_s)

    return run
