"""Calling a function as someone, to see whether it lets them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.sql import SQL

from shipworthy.probes.postgres.exposure import Function
from shipworthy.probes.postgres.personas import Persona, acting_as

LIMITS = "set local statement_timeout = '2s'; set local lock_timeout = '2s'"
"""A body that sleeps or waits has been entered all the same."""


@dataclass(frozen=True, slots=True)
class Call:
    """What became of a call with nothing but nulls; it was undone."""

    entered: bool
    """The function's body ran, whatever it said to the nulls."""
    saw: str


def call_as(connection: psycopg.Connection[Any], persona: Persona, function: Function) -> Call:
    """Call a function of a disposable database as a persona.

    Postgres reports where an error arose: one from inside a body has a context, a refusal at the
    door has none.
    """
    nulls = SQL(", ").join(SQL(f"null::{type_}") for type_ in function.input_types)
    call = SQL("select * from {}({})").format(SQL(function.name), nulls)
    try:
        with acting_as(connection, persona):
            connection.execute(LIMITS.encode())
            connection.execute(call)
    except psycopg.errors.InsufficientPrivilege as error:
        return Call(bool(error.diag.context), f"{error.sqlstate} {error.diag.message_primary}")
    except psycopg.Error as error:
        return Call(entered=True, saw=f"{error.sqlstate} {error.diag.message_primary or error}")
    return Call(entered=True, saw="it ran")
