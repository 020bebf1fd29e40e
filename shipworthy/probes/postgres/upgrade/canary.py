"""A small workload beside a migration: it tells who would have had to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

Connection = psycopg.Connection[Any]

CONNECTIONS = 2
PAUSE_S = 0.003
LONGEST_MS = 10_000
"""A query that waits longer is given up, and has waited that long."""
KEYS = 20
WARM_UP, WARM_UP_S = 10, 2.0
MOST_TABLES = 40
"""The more tables take turns, the more seldom one of them is asked while it is locked."""

_KEYS = """
select format('%%I.%%I', n.nspname, c.relname), n.nspname::text, c.relname::text,
  array_agg(a.attname::text order by a.attnum)
from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
where i.indisprimary and not c.relispartition
  and format('%%I.%%I', n.nspname, c.relname) = any (%(tables)s)
group by 1, 2, 3 order by array_position(%(tables)s::text[], min(format('%%I.%%I', n.nspname, c.relname)))
limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A query that waited for the migrating session."""

    table: str
    operation: str
    began: float
    """On the clock of ``time.monotonic``."""
    ended: float


@dataclass(frozen=True, slots=True, eq=False)
class _Query:
    table: str
    operation: str
    sql: Composed
    keys: Iterator[Any]


@dataclass
class Canary:
    """What the workload saw; complete when it is over."""

    seen: list[Seen] = field(default_factory=list)
    queries: int = 0
    blocked: dict[int, float] = field(default_factory=dict)
    """The workload's backends to when each was last seen waiting for the migrating session."""
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, connection: Connection, queries: Sequence[_Query]) -> None:
        """Read and write until it is over; a table that the migration took away is left alone."""
        left = list(queries)
        while left and not self._over.is_set():
            for query in list(left):
                if self._over.is_set():
                    return
                if not self._one(connection, query, next(query.keys)):
                    left.remove(query)
                self._over.wait(PAUSE_S)

    def _one(self, connection: Connection, query: _Query, key: Any) -> bool:
        """Send one query, undo it; tells whether it is worth sending again."""
        began, usable = time.monotonic(), True
        try:
            connection.execute(query.sql, key)
        except psycopg.Error as error:
            usable = error.sqlstate in {"57014", "55P03", "40P01"}  # it waited in vain
        ended = time.monotonic()
        if connection.closed:
            return False
        connection.rollback()
        with self._lock:
            self.queries += 1
            # Only waiting that was seen counts: a busy machine makes every query slow.
            if self.blocked.get(connection.info.backend_pid, 0.0) >= began:
                self.seen.append(Seen(query.table, query.operation, began, ended))
        return usable

    def look(self, connection: Connection, migrating: int, mine: list[int]) -> None:
        """Note who waits for the migrating session, until it is over."""
        while not self._over.wait(PAUSE_S):
            rows = connection.execute(
                "select a.pid from pg_catalog.pg_stat_activity a where a.pid = any (%s)"
                " and a.wait_event_type = 'Lock' and %s = any (pg_catalog.pg_blocking_pids(a.pid))",
                (mine, migrating),
            ).fetchall()
            now = time.monotonic()
            self.blocked.update((pid, now) for (pid,) in rows)

    def warm_up(self, queries: int) -> None:
        """Wait until it is under way, so that there is traffic from the first statement on."""
        until = time.monotonic() + WARM_UP_S
        while self.queries < min(queries, WARM_UP) and time.monotonic() < until:
            time.sleep(PAUSE_S)

    def finish(self) -> None:
        """Let the workload come to its end."""
        self._over.set()


@contextmanager
def sing(dsn: str, tables: Sequence[str], migrating: int) -> Iterator[Canary]:
    """Run the workload beside the session ``migrating``: by primary key, a few connections, all undone.

    Of many tables the first ones take part.
    """
    canary = Canary()
    connections = [_connect(dsn) for _ in range(CONNECTIONS + 1)]
    *workers, watcher = connections
    watcher.autocommit = True
    queries = [_queries(watcher, tables) for _ in workers]
    mine = [connection.info.backend_pid for connection in workers]
    with ExitStack() as stack, ThreadPoolExecutor(len(connections)) as pool:
        for connection in connections:
            stack.callback(connection.close)
        work = [pool.submit(canary.look, watcher, migrating, mine)]
        for number, (worker, turn) in enumerate(zip(workers, queries, strict=True)):
            start = number * len(turn) // len(workers)  # no two of them are at the same table
            work.append(pool.submit(canary.send, worker, [*turn[start:], *turn[:start]]))
        try:
            canary.warm_up(sum(map(len, queries)))
            yield canary
        finally:
            canary.finish()
        for part in work:
            part.result()


def _connect(dsn: str) -> Connection:
    connection = psycopg.connect(dsn, connect_timeout=10, prepare_threshold=None)
    connection.execute(f"set statement_timeout = {LONGEST_MS}; set lock_timeout = {LONGEST_MS}".encode())
    connection.commit()
    try:
        # Triggers and foreign keys of the project are not what is measured, and some refuse every change.
        connection.execute("set session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        connection.rollback()
    connection.commit()
    return connection


def _queries(connection: Connection, tables: Sequence[str]) -> list[_Query]:
    found = []
    values = {"tables": list(tables), "most": MOST_TABLES}
    for table, schema, name, columns in connection.execute(_KEYS, values).fetchall():
        place, names = Identifier(schema, name), [Identifier(column) for column in columns]
        picked = SQL("select {} from {} limit {}").format(SQL(", ").join(names), place, KEYS)
        keys = connection.execute(picked).fetchall()
        if not keys:
            continue
        match = SQL(" and ").join(SQL("{} = %s").format(column) for column in names)
        read = SQL("select * from {} where {}").format(place, match)
        write = SQL("update {} set {} = {} where {}").format(place, names[0], names[0], match)
        found += [_Query(table, "read", read, cycle(keys)), _Query(table, "write", write, cycle(keys))]
    return found
