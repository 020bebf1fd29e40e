"""A small project whose next migration is rehearsed, with and without a deployed database."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shipworthy.probes.postgres.embedded import EmbeddedServer
from shipworthy.probes.postgres.migrate import apply_migrations
from shipworthy.probes.postgres.project import read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.probes.postgres.upgrade.model import Rehearsal
from shipworthy.probes.postgres.upgrade.rehearsal import rehearse_upgrade

FIRST = """
create table public.orgs (id uuid primary key default gen_random_uuid(), name text not null unique);
create table public.notes (
  id bigint generated always as identity primary key,
  org_id uuid not null references public.orgs (id) on delete cascade,
  body text not null default '',
  status text not null default 'open' check (status in ('open', 'done')),
  due date
);
"""
NEXT = "2026020200000{}_next.sql"
LARGE = {"public.notes": 1_000_000, "public.orgs": 1_000_000}


@dataclass(frozen=True)
class Scratch(ScratchServer):
    """A run of its own, on the platform that another run has made."""

    made: str = ""

    def platform(self) -> str:
        return self.made


@dataclass
class Rehearsals:
    """Rehearses what comes next in the small project."""

    server: EmbeddedServer
    shared: ScratchServer
    folder: Path

    def __call__(
        self,
        *nexts: str,
        first: str = FIRST,
        down: str | None = None,
        live: str | None = None,
        deployed: bool = False,
        rows: int = 200,
        expected: dict[str, int] | None = None,
    ) -> Rehearsal:
        """Rehearse migrations.

        Args:
            nexts: the migrations that come next, a file each; without live only the last one is rehearsed.
            first: the migration before them.
            down: the way back of the last one.
            live: rows and changes by hand in a deployed database that has the first one; None: there is none.
            deployed: live has the next ones, too.
            rows: of the largest table.
            expected: rows where it is deployed.

        """
        # Every template is made once a run; those of the small project itself are shared.
        run = self.shared.run if first == FIRST and live is None else secrets.token_hex(5)
        scratch = Scratch(self.server.dsn(), "postgres", run, self.shared.platform())
        migrations = self.folder / secrets.token_hex(5) / "migrations"
        migrations.mkdir(parents=True)
        (migrations / "20260101000000_first.sql").write_text(first, encoding="utf-8")
        for number, sql in enumerate(nexts):
            (migrations / NEXT.format(number)).write_text(sql, encoding="utf-8")
        if down is not None:
            (migrations / "down").mkdir()
            (migrations / "down" / NEXT.format(len(nexts) - 1)).write_text(down, encoding="utf-8")
        project = read_project(migrations.parent)
        dsn = None
        if live is not None:
            dsn = scratch.clone(scratch.platform())
            with connect_scratch(dsn) as connection:
                some = project if deployed else replace(project, migrations=project.migrations[:1])
                apply_migrations(connection, some)
                connection.execute(live.encode())
        declared = LARGE if expected is None else expected
        try:
            return rehearse_upgrade(scratch, project, dsn, rows=rows, declared=declared)
        finally:
            if run != self.shared.run:
                scratch.drop_all()


@pytest.fixture(scope="session")
def rehearse(
    embedded_server: EmbeddedServer, scratch: ScratchServer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Rehearsal]:
    """Rehearse migrations of the small project; the databases go with their server."""
    return Rehearsals(embedded_server, scratch, tmp_path_factory.mktemp("projects"))
