"""Databases with a fault in them: one server holds what is deployed, another what the gate rehearses on."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pglast import ast

from fixtures.reference.model import Fault
from shipworthy.catalogue import read_catalogue
from shipworthy.house import HOUSE
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed
from shipworthy.probes.postgres.project import read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.probes.postgres.statements import split_statements
from tests.scratch_server import scratch_server

CHECKS = {check.id: check for check in read_catalogue([HOUSE / "suites"])}
TARGET = """name = "database"
writes = "synthetic"

[database]
project = "supabase"
live = "{live}"
scratch = "{scratch}"

[database.lints]
advisors = true
squawk = true

[database.upgrade]
rows = 1000
tables = {{ "public.documents" = 1_000_000, "public.messages" = 1_000_000 }}
"""


@dataclass(frozen=True, slots=True)
class Planted:
    """A project and its deployed database, with a fault in one or both; None: without."""

    fault: Fault | None
    folder: Path
    """Holds ``supabase/`` and ``targets/database.toml``."""
    live: str
    """DSN of the deployed database."""

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.folder / "supabase"


@dataclass(frozen=True, slots=True)
class Deployments:
    """The servers, and the reference project deployed on one of them."""

    deployed: ScratchServer
    rehearsed: ScratchServer

    @contextmanager
    def planted(self, fault: Fault | None, project: Path = HOUSE / "supabase") -> Iterator[Planted]:
        """Deploy a project and plant a fault, on a server of its own where it is about roles."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shipworthy-detection-")))
            folder.chmod(0o755)
            server = self.deployed
            if fault and about_roles(fault):
                server = stack.enter_context(running())
            live = server.clone(deployed_template(server, project))
            stack.callback(server.drop, live)
            _plant(fault, folder, project, live)
            target = folder / "targets" / "database.toml"
            target.parent.mkdir()
            target.write_text(TARGET.format(live=live, scratch=self.rehearsed.admin), encoding="utf-8")
            yield Planted(fault, folder, live)


@contextmanager
def running() -> Iterator[ScratchServer]:
    """Hold an embedded server up."""
    with tempfile.TemporaryDirectory(prefix="shipworthy-detection-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server runs as another user where we are root
        with scratch_server(folder) as server:
            yield server


def deployed_template(server: ScratchServer, folder: Path) -> str:
    """Give the database that is migrated and seeded by a project."""

    def fill(dsn: str) -> None:
        project = read_project(folder)
        with connect_scratch(dsn) as connection:
            apply_migrations(connection, project)
            apply_seed(connection, project)

    return server.template(folder.parent.name.replace(".", "_"), fill, base=server.platform())


def about_roles(fault: Fault) -> bool:
    """Tell whether a fault changes roles: they belong to a server and are the same in all its databases."""
    granted = any(isinstance(s.node, ast.GrantRoleStmt) for s in split_statements(fault.sql))
    return granted or re.search(r"\b(create|alter) role\b", fault.sql, re.IGNORECASE) is not None


def of_the_database(fault: Fault) -> bool:
    """Tell whether a project and its database are all that the check needs."""
    check: Any = CHECKS[fault.caught_by]
    return not (fault.switches or fault.variables or check.mutates) and all(
        part.partition(".")[0] == "database" for part in check.needs
    )


def _plant(fault: Fault | None, folder: Path, project: Path, live: str) -> None:
    copy = folder / "supabase"
    shutil.copytree(project, copy)
    if fault:
        fault.change(copy)
        with connect_scratch(live) as connection:
            connection.execute(fault.sql.encode())
