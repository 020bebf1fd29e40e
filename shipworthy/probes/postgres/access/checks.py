"""Asks the server whether values would satisfy a table's checks, before a row is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.schema import Table
from shipworthy.probes.postgres.access.values import quoted


def holds(connection: psycopg.Connection[Any], table: Table, values: Mapping[str, str | None]) -> bool:
    """Tell whether the checks that speak of these columns alone are satisfied.

    A check that cannot be asked does not forbid anything.
    """
    checks = [check for check in table.checks if check.columns and {*check.columns} <= {*values}]
    if not checks:
        return True
    columns = dict.fromkeys(column for check in checks for column in check.columns)
    given = ", ".join(f"{quoted(values[c])}::{table.by_name[c].type.plain} as {c}" for c in columns)
    together = " and ".join(f"({check.expression}) is not false" for check in checks)
    statement = f"select {together} from (select {given}) as stand"  # noqa: S608 - the schema's own
    try:
        with connection.transaction():
            row = connection.execute(statement.encode()).fetchone()
    except psycopg.Error:
        return True
    return not row or bool(row[0])
