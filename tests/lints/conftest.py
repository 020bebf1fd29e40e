"""A server of their own for the tests of the lints."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shipworthy.probes.postgres.scratch import ScratchServer
from tests.scratch_server import scratch_server


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchServer]:
    with scratch_server(tmp_path_factory.mktemp("lints")) as server:
        yield server
