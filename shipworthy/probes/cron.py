"""When a schedule of pg_cron was last due."""

from __future__ import annotations

import datetime as dt
import re

from cronsim import CronSim, CronSimError

INTERVAL = re.compile(r"(\d+) +seconds?", re.IGNORECASE)


def last_due(schedule: str, now: dt.datetime) -> dt.datetime:
    """Give the latest moment before ``now`` (in UTC, as pg_cron counts) that a schedule names.

    Raises:
        ValueError: it is no schedule, or one that names no moment.

    """
    interval = INTERVAL.fullmatch(schedule.strip())
    if interval:
        return now - dt.timedelta(seconds=int(interval[1]))
    try:
        return next(CronSim(schedule, now, reverse=True))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"{schedule!r} is no schedule of pg_cron: {error}") from error
