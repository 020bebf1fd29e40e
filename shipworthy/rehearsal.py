"""A scratch server outside a run: journalled like one, and gone afterwards however the work ended."""

from __future__ import annotations

import os
import secrets
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.errors import ProbeError, RunError
from shipworthy.journal import RUN_ENTRY, Journal
from shipworthy.run import RUN_VARIABLE, abandoned_runs, state_folder, sweep
from shipworthy.supervise import signals_as_interrupt
from shipworthy.target import LoadedTarget

if TYPE_CHECKING:
    from shipworthy.probes.postgres.scratch import ScratchServer

JOURNAL_KINDS = {"embedded": "postgres_server", "container": "container"}


@contextmanager
def scratch_server(loaded: LoadedTarget) -> Iterator[ScratchServer]:
    """Hold the scratch server that a target asks for; what a killed process left is removed first.

    Raises:
        RunError: there is none to be had, or it could not be removed.

    """
    for abandoned in abandoned_runs(loaded):
        sweep(abandoned, loaded)
    identity = secrets.token_hex(5)
    journal = Journal(state_folder(loaded) / "journal" / loaded.target.name / identity)
    workspace = Path(tempfile.gettempdir()) / f"shipworthy-{identity}"
    os.environ[RUN_VARIABLE] = identity
    with signals_as_interrupt():
        journal.record(RUN_ENTRY, pid=os.getpid(), workspace=str(workspace), id=identity)
        workspace.mkdir(mode=0o755)
        try:
            yield _started(loaded, journal, workspace / "scratch", identity)
        except ProbeError as error:
            raise RunError(str(error)) from error
        except BaseException as error:
            # A connection that was being opened lives on in these frames, and as long as it does,
            # Postgres waits with dropping databases.
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            left = sweep(journal, loaded)
            del os.environ[RUN_VARIABLE]
            if left:
                raise RunError(left)


def _started(loaded: LoadedTarget, journal: Journal, folder: Path, identity: str) -> ScratchServer:
    from shipworthy.probes.postgres.container import provide_image
    from shipworthy.probes.postgres.scratch import open_scratch

    database = loaded.target.database
    if database is None:
        raise RunError(f"{loaded.path}: it declares no [database]")
    kind = database.scratch.get_secret_value()
    if kind == "container":
        provide_image(database.image)
    journal.record(JOURNAL_KINDS.get(kind, "scratch_databases"), run=identity, folder=str(folder))
    return open_scratch(kind, image=database.image, run=identity, folder=folder)
