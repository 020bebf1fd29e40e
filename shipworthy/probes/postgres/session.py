"""A session on a deployed database that can look and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Literal

from shipworthy.errors import ProbeError, WriteRefusedError

CONNECT_S = 10
LOCK_S = 5
WRITES = (psycopg.errors.ReadOnlySqlTransaction,)


@contextmanager
def read_only_session(dsn: str, *, statement_s: float = 60.0) -> Iterator[psycopg.Connection[Any]]:
    """Open one read-only transaction in which everything is seen as of the same moment.

    The limits are set inside the transaction and not as connection options, which poolers refuse;
    for the same reason nothing is prepared.

    Args:
        dsn: the deployed database.
        statement_s: longest time for one statement, in seconds.

    Raises:
        WriteRefusedError: a statement tried to write.
        ProbeError: no connection, or a statement that did not work; names the server, never the password.

    """
    where, password = _server(dsn)
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_S, prepare_threshold=None) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            _limit(connection, statement_s)
            yield connection
            connection.rollback()
    except WRITES as error:
        raise WriteRefusedError(f"{where}: a write was refused: {_cause(error, password)}") from None
    except psycopg.Error as error:
        raise ProbeError(f"{where}: {_cause(error, password)}") from None


def _limit(connection: psycopg.Connection[Any], statement_s: float) -> None:
    """Bound what the transaction may wait for, and make names and values print the same everywhere."""
    settings = {
        "statement_timeout": f"{round(statement_s * 1000)}ms",
        "lock_timeout": f"{LOCK_S}s",
        "search_path": "",
        **CANONICAL_OUTPUT,
    }
    for name, value in settings.items():
        connection.execute(SQL("select set_config({}, {}, true)").format(Literal(name), Literal(value)))


CANONICAL_OUTPUT = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
}
"""Settings under which two servers print equal values as equal text."""


def _server(dsn: str) -> tuple[str, str | None]:
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.Error:
        raise ProbeError(
            "the DSN of the database cannot be read; write postgresql://user:password@host:port/database"
        ) from None
    place = f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"
    password = parts.get("password")
    return f"database {place}", str(password) if password else None


def _cause(error: psycopg.Error, password: str | None) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if password:
        text = text.replace(password, "***")
    return f"{text} (SQLSTATE {error.sqlstate})" if error.sqlstate else text
