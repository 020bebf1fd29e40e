"""A scratch server of the tests' own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shipworthy.probes.postgres.embedded import EmbeddedServer, free_port
from shipworthy.probes.postgres.scratch import ScratchServer


@contextmanager
def scratch_server(folder: Path) -> Iterator[ScratchServer]:
    """Hold an embedded server up, with its data below a folder."""
    server = EmbeddedServer(folder / "server", free_port(), secrets.token_urlsafe(), durable=False)
    server.start()
    try:
        yield ScratchServer(server.dsn(), "postgres", secrets.token_hex(5))
    finally:
        server.remove()
