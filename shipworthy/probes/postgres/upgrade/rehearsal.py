"""The rehearsal of an upgrade, from making the copy to going back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.migrate import MigrationError
from shipworthy.probes.postgres.missing import missing_here
from shipworthy.probes.postgres.project import Project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.probes.postgres.statements import Statement
from shipworthy.probes.postgres.upgrade.copy import Plan, dump_copy, plan_upgrade, rebuild
from shipworthy.probes.postgres.upgrade.halfway import fail_halfway
from shipworthy.probes.postgres.upgrade.measuring import Copies, Measured, place_of
from shipworthy.probes.postgres.upgrade.model import (
    HalfWay,
    Refusal,
    Rehearsal,
    Survival,
    Table,
    WayBack,
)
from shipworthy.probes.postgres.upgrade.questions import (
    are_empty,
    ask_live,
    refusal_of,
    with_answer,
)
from shipworthy.probes.postgres.upgrade.reverse import down_migrations, go_back
from shipworthy.probes.postgres.upgrade.sizes import estimate_sizes, scaled


@dataclass(frozen=True, slots=True)
class _Copy:
    """What is deployed, without rows, and how failing half-way went on it."""

    template: str
    source: str
    halfway: tuple[HalfWay, ...]
    refusal: Refusal | None
    """A migration that does not even apply to empty tables."""


@dataclass
class _Rehearsing:
    """What every part of the rehearsal needs."""

    scratch: ScratchServer
    project: Project
    live: str | None
    plan: Plan
    notes: list[str] = field(default_factory=list)

    def copy(self) -> _Copy:
        """Copy what is deployed: from live where something is pending there, else from the migrations."""
        plan = self.plan
        if self.live and not plan.moot:
            try:
                template, notes = dump_copy(self.scratch, plan, self.live)
            except ProbeError as error:
                self.notes.append(f"the copy is made from the migrations; live could not be dumped: {error}")
            else:
                copy = self._failing(template, "a dump of live's definitions")
                # What does not apply to the dump may rest on something that no dump brings along.
                if not copy.refusal or not plan.rebuildable:
                    self.notes.extend(notes)
                    return copy
        newest = plan.deployed.migrations[-1].path.name if plan.deployed.migrations else "nothing"
        return self._failing(rebuild(self.scratch, plan), f"the migrations up to {newest}")

    def _failing(self, template: str, source: str) -> _Copy:
        try:
            return _Copy(template, source, fail_halfway(self.scratch, template, self.plan.pending), None)
        except MigrationError as error:
            self._excuse(template, error)
            refusal = refusal_of(place_of(self.plan.pending, error), error)
            return _Copy(template, source, (), replace(refusal, empty=True))

    def _excuse(self, template: str, error: MigrationError) -> None:
        """Let nobody be blamed for what the platform provides and this server lacks.

        Raises:
            ProbeError: that is why the statement was refused.

        """
        if not isinstance(error.__cause__, psycopg.Error):
            return
        dsn = self.scratch.clone(template)
        with connect_scratch(dsn) as connection:
            lacking = missing_here(connection, Statement(error.statement, error.line, 0), error.__cause__)
        self.scratch.drop(dsn)
        if lacking:
            raise ProbeError(f"{error.file}:{error.line}: {lacking}") from error

    def measure(self, copies: Copies, empty: Refusal | None) -> tuple[Measured, tuple[Refusal, ...]]:
        """Run on rows as loose as the schema lets them be; where they are refused, on tidy ones, too."""
        pending = self.plan.pending
        asked = ask_live(self.live, pending) if self.live and not self.plan.moot else ()
        first = copies.measure(pending, tidy=False)
        refusal = first.refusal
        if not refusal:
            return first, asked
        if empty and empty.place == refusal.place:
            return first, _once(empty, *asked)
        if not refusal.about_rows:
            return first, _once(refusal, *asked)
        refusal = with_answer(refusal, self.live) if self.live else refusal
        second = copies.measure(pending, tidy=True)
        return second, _once(refusal, *asked, *([second.refusal] if second.refusal else []))

    def surviving(self, survival: Survival) -> Survival:
        """Leave out the tables that may go because they have no row on live."""
        empty = are_empty(self.live, survival.dropped) if self.live and not self.plan.moot else frozenset()
        if not empty:
            return survival
        self.notes.extend(f"{table}: dropped; it has no row on live" for table in sorted(empty))
        left = {table: rows for table, rows in survival.dropped.items() if table not in empty}
        return replace(survival, dropped=left)

    def back(self, copies: Copies, downs: Mapping[str, Path], *, tidy: bool) -> tuple[WayBack, ...]:
        """Try the ways back that there are, on rows that let the migrations pass."""
        if not any(migration.version in downs for migration in self.plan.pending):
            return ()
        with copies.filled(tidy=tidy) as (dsn, _):
            return go_back(dsn, self.plan.pending, downs)


def _once(*refusals: Refusal) -> tuple[Refusal, ...]:
    """Give the first refusal of each statement."""
    return tuple({refusal.place: refusal for refusal in reversed(refusals)}.values())[::-1]


def rehearse_upgrade(
    scratch: ScratchServer, project: Project, live: str | None, *, rows: int, declared: Mapping[str, int]
) -> Rehearsal:
    """Rehearse the pending migrations, or the newest one where none is pending.

    Args:
        scratch: where the copies are made; they are gone afterwards.
        project: whose migrations are rehearsed.
        live: DSN of the deployed database, read for its definitions and estimates; None where there is none.
        rows: of the largest table of the copy; the others in proportion.
        declared: table to the rows that it has where it is deployed; live's own estimates where it says none.

    Raises:
        ProbeError: no copy could be made, or the scratch server broke.

    """
    work = _Rehearsing(scratch, project, live, plan_upgrade(project, live))
    expected = {**(estimate_sizes(live) if live else {}), **declared}
    copy = work.copy()
    copies = Copies(scratch, copy.template, project.seeds, scaled(expected, rows))
    measured, refusals = work.measure(copies, copy.refusal)
    survival = work.surviving(measured.survival)
    downs = down_migrations(project)
    pending, filled = work.plan.pending, measured.filled
    return Rehearsal(
        source=copy.source,
        pending=tuple(migration.path.name for migration in pending),
        moot=work.plan.moot,
        live=bool(live),
        complete=measured.refusal is None,
        tables=tuple(Table(name, count, expected.get(name)) for name, count in sorted(filled.rows.items())),
        unfilled=filled.missing,
        steps=measured.steps,
        ends_ms=measured.ends_ms,
        stalls=measured.stalls,
        queries=measured.queries,
        refusals=refusals,
        survival=survival,
        halfway=copy.halfway,
        back=work.back(copies, downs, tidy=bool(refusals)) if measured.refusal is None else (),
        without_way_back=tuple(m.path.name for m in pending if m.version not in downs),
        notes=tuple(work.notes),
    )
