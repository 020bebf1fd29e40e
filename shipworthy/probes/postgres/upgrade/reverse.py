"""Up, down, up: whether a down migration undoes what its migration did.

Where a down migration lies: ``migrations/down/<version>_<name>.sql``. Neither the Supabase CLI nor the
gate's own reader looks into folders below ``migrations/``, so that nothing applies it by accident.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.bootstrap import Connection
from shipworthy.probes.postgres.migrate import MigrationError
from shipworthy.probes.postgres.project import Migration, Project
from shipworthy.probes.postgres.scratch import connect_scratch
from shipworthy.probes.postgres.upgrade.halfway import differing, read_facts
from shipworthy.probes.postgres.upgrade.locks import watch_tables
from shipworthy.probes.postgres.upgrade.model import WayBack
from shipworthy.probes.postgres.upgrade.running import Run, Runner, batches
from shipworthy.probes.postgres.upgrade.survival import compare_rows, read_rows

FOLDER = "down"
_FORGET = "delete from supabase_migrations.schema_migrations where version = %s"
DOWN_SUFFIX = ".down.sql"
_SECTION = re.compile(r"^--\s*(?:migrate:down|\+goose\s+down)\b", re.IGNORECASE | re.MULTILINE)
_VERSION = re.compile(r"(\d+)_.*\.sql")


def down_migrations(project: Project) -> Mapping[str, Path]:
    """Find the way back of each version that has one."""
    files = sorted((project.path / "migrations" / FOLDER).glob("*.sql"))
    return {match[1]: file for file in files if (match := _VERSION.fullmatch(file.name))}


def misplaced_ways_back(project: Project) -> tuple[tuple[Path, str], ...]:
    """Find ways back where the Supabase CLI applies them as it goes forward, each with how it does that.

    Seen with CLI 3.1: ``<version>_<name>.down.sql`` is a migration like any other, and comes before the
    file that it undoes; a ``-- migrate:down`` (dbmate) or ``-- +goose Down`` section is a comment to it.
    """
    files = ((m, "as a migration of its own, before the one that it undoes") for m in project.migrations)
    beside = [(m.path, how) for m, how in files if m.path.name.endswith(DOWN_SUFFIX)]
    marked = [m for m in project.migrations if _SECTION.search(m.sql)]
    return (*beside, *((m.path, "right behind the statements that it undoes") for m in marked))


def go_back(dsn: str, migrations: Sequence[Migration], downs: Mapping[str, Path]) -> tuple[WayBack, ...]:
    """Take every migration up, down and up again, on filled tables, in order.

    Args:
        dsn: of a filled copy of what is deployed.
        migrations: what is rehearsed; those without a way back are only applied.
        downs: version to file.

    Raises:
        MigrationError: one without a way back does not apply.

    """
    found = []
    for migration in migrations:
        if migration.version not in downs:
            with connect_scratch(dsn) as connection:
                Runner(connection).run(migration)
            continue
        back = _there_and_back(dsn, migration, downs[migration.version])
        found.append(back)
        if back.refusal:
            break
    return tuple(found)


def _there_and_back(dsn: str, migration: Migration, down: Path) -> WayBack:
    try:
        text = down.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProbeError(f"{down} cannot be read: {error}") from error
    way_down = Migration(migration.version, migration.name, down, text)
    with connect_scratch(dsn) as connection:
        before, rows = read_facts(connection), read_rows(connection)
        back = WayBack(migration.version, migration.path.name, f"{FOLDER}/{down.name}", len(before))
        way = "up"
        try:
            run = Run(connection, watch_tables(connection))
            run.migrate([migration])
            up = read_facts(connection)
            way = "down"
            _go_down(connection, way_down)
            survival = compare_rows(rows, read_rows(connection), run.steps)
            back = replace(back, left=differing(before, read_facts(connection)), survival=survival)
            way = "up again"
            Runner(connection).run(migration)
            return replace(back, again=differing(up, read_facts(connection)))
        except MigrationError as error:
            return replace(back, refusal=f"{way}: {error}")


def _go_down(connection: Connection, way_down: Migration) -> None:
    runner = Runner(connection)
    runner.limit()
    for batch in batches(way_down):
        with batch.open(connection):
            for statement in batch.statements:
                runner.execute(way_down.path, statement)
            if batch.last:
                connection.execute("reset all")
                connection.execute(_FORGET, [way_down.version])
