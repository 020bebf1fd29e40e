"""How a worker gets a migrated database of its own: the ways compared."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.timing import Figure
from shipworthy.errors import ProbeError
from shipworthy.house import HOUSE
from shipworthy.probes.postgres.container import remove_containers
from shipworthy.probes.postgres.embedded import EmbeddedServer
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed
from shipworthy.probes.postgres.project import read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch, open_scratch

IMAGE = os.environ.get("SHIPWORTHY_TEST_IMAGE", "shipworthy/postgres:17")
PROJECT = read_project(HOUSE / "supabase")
NO_CONTAINER: list[str] = []


def measure(samples: int) -> Iterator[Figure]:
    """Clone a template, apply everything again, start a container; all on a server that is up."""
    with embedded() as server:
        template = server.template("migrated", migrate, base=server.platform())
        yield _timed("migrated database: clone of a template", samples, lambda: server.clone(template))
        yield _timed(
            "migrated database: migrations and seed applied again",
            samples,
            lambda: migrate(server.clone(server.platform())),
        )
    yield _timed("migrated database: an embedded server of its own", samples, _new_embedded)
    try:
        yield _timed("migrated database: a container of its own", samples, _new_container, remark=IMAGE)
    except ProbeError as error:
        NO_CONTAINER.append(f"a container of its own ({error})")


def missing() -> tuple[str, ...]:
    """Say what could not be measured on this machine, and why."""
    return tuple(NO_CONTAINER)


def migrate(dsn: str) -> None:
    """Bring a database from what Supabase provides to what the project makes of it."""
    with connect_scratch(dsn) as connection:
        apply_migrations(connection, PROJECT)
        apply_seed(connection, PROJECT)


@contextmanager
def embedded() -> Iterator[ScratchServer]:
    """Hold an embedded server up."""
    with tempfile.TemporaryDirectory(prefix="shipworthy-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server runs as another user where we are root
        try:
            yield open_scratch("embedded", image="", run=_run(), folder=folder / "scratch")
        finally:
            EmbeddedServer(folder / "scratch", port=0, password="").remove()


def _new_embedded() -> None:
    with embedded() as server:
        migrate(server.clone(server.platform()))


def _new_container() -> None:
    run = _run()
    try:
        server = open_scratch("container", image=IMAGE, run=run, folder=Path())
        migrate(server.clone(server.platform()))
    finally:
        remove_containers(run)


def _timed(name: str, samples: int, once: Callable[[], object], *, remark: str = "") -> Figure:
    durations = []
    for _ in range(samples):
        begun = time.perf_counter()
        once()
        durations.append(time.perf_counter() - begun)
    return Figure(name, tuple(durations), remark=remark)


def _run() -> str:
    return secrets.token_hex(5)
