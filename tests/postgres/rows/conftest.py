"""One database for the tests of made rows; what a test does to it is undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shipworthy.probes.postgres.access.rows import RowMaker
from shipworthy.probes.postgres.access.schema import read_schema
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch

from .made import MakerOf

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="session")
def platform(scratch: ScratchServer) -> Iterator[Connection]:
    dsn = scratch.clone(scratch.platform())
    with connect_scratch(dsn) as connection:
        yield connection
    scratch.drop(dsn)


@pytest.fixture
def space(platform: Connection) -> Iterator[Connection]:
    """A database as Supabase hands it out; what a test does to it is undone."""
    with platform.transaction(force_rollback=True):
        yield platform


@pytest.fixture
def maker_of(space: Connection) -> MakerOf:
    def make(sql: str) -> RowMaker:
        space.execute(sql.encode())
        return RowMaker(space, read_schema(space, ["public"]))

    return make
