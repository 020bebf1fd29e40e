"""Faults that lie in the project's files or its database, met by a target that is nothing but a database.

The deployed database and the scratch databases are real and lie on one server, so that a fault costs
seconds and there can be many of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.reference.faults import all_faults
from fixtures.reference.faults.drift import SERVER_WIDE
from fixtures.reference.model import Fault
from shipworthy.house import HOUSE
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed
from shipworthy.probes.postgres.project import read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from tests.faults.judging import CHECKS, assert_caught, judge
from tests.scratch_server import scratch_server

PARTS = ("database", "recovery")
LATER = "recovery.restore.restored_schema_is_equal"
"""A check of a later stage that a database alone can have; it must be withheld."""


def of_the_database(fault: Fault) -> bool:
    """Tell whether nothing but a project and its database is needed to plant and to catch a fault."""
    check = CHECKS[fault.caught_by]
    return (
        check.stage in {"migrations", "access"}
        and fault.name not in SERVER_WIDE
        and not (fault.switches or fault.variables or check.mutates)
        and all(part.split(".")[0] in PARTS for part in check.needs)
    )


FAULTS = [fault for fault in all_faults().values() if of_the_database(fault)]


@dataclass(frozen=True, slots=True)
class Deployments:
    """A server on which the reference project is deployed as often as one likes."""

    server: ScratchServer
    template: str

    def deploy(self, folder: Path, fault: Fault | None) -> str:
        """Plant a fault in a deployment of its own; gives the name of its target in the folder."""
        live = self.server.clone(self.template)
        project = folder / "supabase"
        shutil.copytree(HOUSE / "supabase", project)
        if fault:
            fault.change(project)
            with connect_scratch(live) as connection:
                connection.execute(fault.sql.encode())
        target = folder / "targets" / "database.toml"
        target.parent.mkdir()
        target.write_text(
            f'name = "database"\nwrites = "synthetic"\n\n[database]\nproject = "supabase"\n'
            f'live = "{live}"\nscratch = "{self.server.admin}"\n\n'
            "[database.lints]\nadvisors = true\nsquawk = true\n\n[database.upgrade]\nrows = 1000\n"
            'tables = { "public.documents" = 1_000_000, "public.messages" = 1_000_000 }\n\n[recovery]\n',
            encoding="utf-8",
        )
        return target.stem


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    def fill(dsn: str) -> None:
        project = read_project(HOUSE / "supabase")
        with connect_scratch(dsn) as connection:
            apply_migrations(connection, project)
            apply_seed(connection, project)

    with scratch_server(tmp_path_factory.mktemp("server")) as scratch:
        yield Deployments(scratch, scratch.template("deployed", fill, base=scratch.platform()))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_planted_fault_is_caught_by_its_check(fault: Fault, deployments: Deployments, tmp_path: Path) -> None:
    target = deployments.deploy(tmp_path, fault)
    words = ("-n", "0", "--check", fault.caught_by, "--check", LATER)
    judgement = judge(tmp_path, target, *words)
    assert_caught(fault, judgement, "shipworthy run database")


def test_a_database_without_faults_gives_no_finding(deployments: Deployments, tmp_path: Path) -> None:
    target = deployments.deploy(tmp_path, None)
    judgement = judge(tmp_path, target, "--stage", "migrations", "--stage", "access")
    assert judgement.verdict["verdict"] == "GO", judgement.said
    assert [record["check"] for record in judgement.records if record["findings"]] == []
