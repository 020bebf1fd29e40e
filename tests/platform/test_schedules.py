"""When a job was last due is what cron says, and nonsense is refused."""

import datetime as dt

import pytest

from shipworthy.probes.cron import last_due

FRIDAY = dt.datetime(2026, 11, 20, 8, 29, 31, tzinfo=dt.UTC)

EXPECTED = {
    "* * * * *": "2026-11-20 08:29",
    "*/5 * * * *": "2026-11-20 08:25",
    "30 9 * * *": "2026-11-19 09:30",
    "15,45 6-7 * * mon-fri": "2026-11-20 07:45",
    "0 0 31 dec *": "2025-12-31 00:00",
}


@pytest.mark.parametrize(("schedule", "due"), EXPECTED.items())
def test_the_last_moment_that_a_schedule_names(schedule, due):
    assert f"{last_due(schedule, FRIDAY):%Y-%m-%d %H:%M}" == due


def test_a_schedule_in_seconds_was_due_that_long_ago():
    assert FRIDAY - last_due("30 seconds", FRIDAY) == dt.timedelta(seconds=30)


@pytest.mark.parametrize("schedule", ["", "* * * *", "60 * * * *", "soon", "0 0 30 feb *"])
def test_what_is_no_schedule_is_refused(schedule):
    with pytest.raises(ValueError, match="is no schedule of pg_cron"):
        last_due(schedule, FRIDAY)
