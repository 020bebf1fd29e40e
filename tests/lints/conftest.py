"""A server of their own for the tests of the lints."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from shipworthy.probes.postgres.embedded import EmbeddedServer, free_port
from shipworthy.probes.postgres.scratch import ScratchServer


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchServer]:
    folder = tmp_path_factory.mktemp("lints")
    server = EmbeddedServer(folder / "server", free_port(), secrets.token_urlsafe(), durable=False)
    server.start()
    yield ScratchServer(server.dsn(), "postgres", secrets.token_hex(5))
    server.remove()
