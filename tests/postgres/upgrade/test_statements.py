"""What is known of each statement: locks, new files, rows read and written, who waited."""

from __future__ import annotations

import pytest

from shipworthy.probes.postgres.upgrade.hazards import find_hazards
from tests.postgres.upgrade.conftest import FIRST

MODES = {
    "alter table public.notes add column pinned boolean default false": "AccessExclusiveLock",
    "create index on public.notes (due)": "ShareLock",
    "update public.notes set body = body": "RowExclusiveLock",
    "create trigger t before update on public.notes for each row"
    " execute function suppress_redundant_updates_trigger()": "ShareRowExclusiveLock",
}


@pytest.fixture(scope="module")
def several(rehearse):
    return rehearse(
        ";\n".join(MODES) + ";\nalter table public.notes alter column status type varchar(10);\n"
        "alter table public.notes add constraint known check (status <> '') not valid;"
    )


def hazards(rehearsal, **limits):
    return find_hazards(rehearsal, **{"large_rows": 100_000, "max_lock_ms": 3_600_000.0, **limits})


def test_each_statement_names_the_locks_that_it_added(several):
    first, index, update, trigger, *_ = several.steps

    assert "AccessExclusiveLock" in [lock.mode for lock in first.locks]
    assert [lock.mode for lock in index.locks] == ["ShareLock"]
    assert [lock.mode for lock in update.locks] == ["RowExclusiveLock"]
    assert [lock.mode for lock in trigger.locks] == ["ShareRowExclusiveLock"]
    assert {lock.table for step in (first, index, update, trigger) for lock in step.locks} == {"public.notes"}


def test_a_lock_lasts_until_its_transaction_ends(several):
    ends = {lock.until_ms for step in several.steps for lock in step.locks}

    assert ends == {several.ends_ms[0]}
    assert min(ends) >= several.steps[-1].ended_ms


def test_a_table_that_is_written_anew_is_named_and_one_that_is_not_is_not(several):
    assert [step.rewritten for step in several.steps] == [(), (), (), (), ("public.notes",), ()]


def test_rows_read_and_written_are_counted(several):
    rows = several.by_name["public.notes"].rows

    assert several.steps[1].scanned["public.notes"] == rows
    assert several.steps[2].written == {"public.notes": rows}
    assert several.steps[5].scanned == {}


def test_whoever_waits_for_a_statement_is_seen(rehearse):
    rehearsal = rehearse("alter table public.notes add column x text; select pg_sleep(1);")

    waiting = [stall for stall in rehearsal.stalls if stall.table == "public.notes"]
    assert waiting
    assert {stall.behind for stall in waiting} == {0}


HAZARDS = {
    "alter table public.notes add column x float default random()": ("writes the whole table", "set default"),
    "alter table public.notes alter column due type timestamptz": ("writes the whole table", "new type"),
    "create unique index u on public.notes (id, due)": (
        "reads the whole table",
        "unique index concurrently u",
    ),
    "alter table public.notes add constraint c check (length(body) >= 0)": ("reads the whole", "`not valid`"),
    "alter table public.notes add constraint k unique (id, body)": ("reads the whole table", "using index k"),
    "alter table public.notes alter column body set not null": ("reads the whole table", "body_present"),
    "update public.notes set body = 'x'": ("changes", "batch"),
    "alter table public.orgs add column x text; update public.notes set status = 'done'": (
        "holds it while migrations/20260202000007_next.sql:1 works through public.notes",
        "a migration file of its own",
    ),
}


@pytest.fixture(scope="module")
def hazardous(rehearse):
    drop = "alter table public.notes alter column body drop not null;"
    return rehearse(*HAZARDS, first=FIRST + drop, live="select 1")


@pytest.mark.parametrize("sql", HAZARDS)
def test_a_statement_that_keeps_others_waiting_is_a_hazard_with_its_remedy(hazardous, sql):
    assert hazardous.complete, hazardous.refusals
    said, remedy = HAZARDS[sql]
    found = [hazard for hazard in hazards(hazardous) if hazard.place.sql in sql]
    assert any(said in hazard.saw and remedy in hazard.remedy for hazard in found), found


def test_a_short_statement_is_no_hazard(rehearse):
    rehearsal = rehearse(
        "alter table public.notes add column x text",
        "alter table public.notes add column y boolean not null default false",
        "alter table public.notes add constraint c check (length(body) >= 0) not valid",
        "alter table public.notes validate constraint c",
        "create table public.tags (note_id bigint references public.notes (id))",
        "create policy p on public.notes using (true)",
        "insert into public.orgs (name) select 'org' || g from generate_series(1, 500) g",
        "create index concurrently notes_due_idx on public.notes (due)",
        "alter table public.notes rename column body to content",
        live="select 1",
    )

    assert rehearsal.complete
    assert len(rehearsal.steps) == 9
    assert hazards(rehearsal) == ()


def test_a_table_that_is_small_where_it_is_deployed_may_be_written_anew(rehearse):
    rehearsal = rehearse(
        "alter table public.notes alter column due type timestamptz;", expected={"public.notes": 5_000}
    )

    assert hazards(rehearsal) == ()
    assert hazards(rehearsal, large_rows=5_000)


def test_a_lock_beyond_the_limit_counts_whatever_the_size(rehearse):
    rehearsal = rehearse("alter table public.notes add column x text;", expected={})

    assert hazards(rehearsal) == ()
    [hazard] = hazards(rehearsal, max_lock_ms=0.001)
    assert hazard.table == "public.notes"
