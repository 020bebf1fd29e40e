"""When a cron schedule was last due."""

from __future__ import annotations

import datetime as dt
import re

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SECONDS = re.compile(r"(\d+) seconds?")
PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
LONGEST_SEARCH = dt.timedelta(days=366)
MINUTE = dt.timedelta(minutes=1)


def last_due(schedule: str, now: dt.datetime) -> dt.datetime:
    """Give the latest moment at or before ``now`` (UTC) that a schedule of pg_cron names.

    Understood are five fields with ``*``, numbers, names, ranges, lists and steps, and ``N seconds``.

    Raises:
        ValueError: the schedule is none of these, or names no moment of the last year.

    """
    seconds = SECONDS.fullmatch(schedule.strip())
    if seconds:
        return now - dt.timedelta(seconds=int(seconds[1]))
    fields = schedule.split()
    if len(fields) != len(RANGES):
        raise ValueError(f"{schedule!r} has {len(fields)} fields instead of five")
    minutes, hours, days, months, weekdays = (
        _values(field, low, high) for field, (low, high) in zip(fields, RANGES, strict=True)
    )
    either = not (fields[2].startswith("*") or fields[4].startswith("*"))
    moment = now.replace(second=0, microsecond=0)
    while now - moment < LONGEST_SEARCH:
        on = (moment.day in days, moment.isoweekday() % 7 in {day % 7 for day in weekdays})
        if not (moment.month in months and (any(on) if either else all(on))):
            moment = moment.replace(hour=0, minute=0) - MINUTE
        elif moment.hour not in hours:
            moment = moment.replace(minute=0) - MINUTE
        elif moment.minute not in minutes:
            moment -= MINUTE
        else:
            return moment
    raise ValueError(f"{schedule!r} was not due within a year")


def _values(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in _numbers(field.lower()).split(","):
        match = PART.fullmatch(part)
        if not match:
            raise ValueError(f"{part!r} is no part of a cron schedule")
        first, last, step = match.groups()
        start = low if first is None else int(first)
        end = int(last) if last else (high if first is None or step else start)
        if not low <= start <= end <= high or step == "0":
            raise ValueError(f"{part!r} is not within {low} to {high}")
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _numbers(field: str) -> str:
    for names, first in ((MONTHS, 1), (DAYS, 0)):
        for number, name in enumerate(names, first):
            field = field.replace(name, str(number))
    return field
