"""How many sessions a database serves, and which of them are stuck."""

from __future__ import annotations

from dataclasses import dataclass

from shipworthy.probes.postgres.session import read_only_session

SESSIONS = """
select count(*),
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0)
from pg_catalog.pg_stat_activity
where backend_type = 'client backend'
"""
STUCK = """
select pid, coalesce(usename, ''), coalesce(application_name, ''), state,
       extract(epoch from clock_timestamp() - coalesce(state_change, xact_start))::float
from pg_catalog.pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid()
  and state like 'idle in transaction%%'
  and clock_timestamp() - state_change > make_interval(secs => %s)
order by pid
"""


@dataclass(frozen=True, slots=True)
class StuckSession:
    """A session that holds a transaction open without doing anything in it."""

    pid: int
    user: str
    application: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Sessions:
    """The client sessions of a database server at one moment, this one included."""

    used: int
    limit: int
    """How many ordinary clients the server admits: ``max_connections`` less what is reserved."""
    stuck: tuple[StuckSession, ...]

    @property
    def stuck_by_client(self) -> dict[str, list[StuckSession]]:
        """The stuck sessions by whom they serve: ``sessions of postgres (gateway)``."""
        grouped: dict[str, list[StuckSession]] = {}
        for session in self.stuck:
            client = f"sessions of {session.user} ({session.application or 'no application_name'})"
            grouped.setdefault(client, []).append(session)
        return grouped


def count_sessions(dsn: str, *, stuck_after_s: float = 5.0) -> Sessions:
    """Count the client sessions of the server.

    Raises:
        ProbeError: the server could not be asked.

    """
    with read_only_session(dsn, statement_s=10) as session:
        used, limit = session.execute(SESSIONS).fetchall()[0]
        stuck = tuple(StuckSession(*row) for row in session.execute(STUCK, (stuck_after_s,)))
    return Sessions(used, limit, stuck)
