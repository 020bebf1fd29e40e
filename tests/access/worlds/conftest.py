"""One server for the tests of worlds, and worlds built on a few lines of SQL or on a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from shipworthy.probes.postgres.access.schema import read_schema
from shipworthy.probes.postgres.access.worlds import build_worlds
from shipworthy.probes.postgres.migrate import apply_migrations
from shipworthy.probes.postgres.project import read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from tests.scratch_server import scratch_server

from .built import Build, Built

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("error"), append=False)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchServer]:
    with scratch_server(tmp_path_factory.mktemp("worlds")) as server:
        yield server


@pytest.fixture
def build(scratch: ScratchServer) -> Iterator[Build]:
    """Build worlds on SQL, or on a project: ``build("create table …")``, ``build(project=PATH)``."""
    with ExitStack() as stack:

        def make(
            sql: str = "", *, project: Path | None = None, claims: Mapping[str, str] | None = None
        ) -> Built:
            dsn = scratch.clone(scratch.platform())
            stack.callback(scratch.drop, dsn)
            connection = stack.enter_context(connect_scratch(dsn))
            if project:
                apply_migrations(connection, read_project(project))
            connection.execute(sql.encode() or b"select")
            schema = read_schema(connection, ["public"])
            return Built(connection, build_worlds(connection, schema, claims=claims))

        yield make
