"""Taking off what keeps a made row out: on the proof's own database, and never without saying so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.model import Lifted
from shipworthy.probes.postgres.access.schema import Schema, Table, Trigger, bare


@dataclass(frozen=True, slots=True)
class Again:
    """Something gave way: the row is worth another try."""

    other_values: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Only a lift would help, and other rows may yet go in without it."""


def told(error: psycopg.Error) -> str:
    """Give what the server said, in one line."""
    said = " ".join((error.diag.message_primary or str(error)).split())
    return f"{said} (SQLSTATE {error.sqlstate})" if error.sqlstate else said


def identifier(name: str) -> str:
    """Quote a name where it needs it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


class Lifting:
    """Constraints and triggers that were lifted, and those that will have to be."""

    def __init__(self, connection: psycopg.Connection[Any], schema: Schema) -> None:
        self._connection = connection
        self._schema = schema
        self.lifted: list[Lifted] = []
        self.allowed = True
        """False while there are rows left that may go in without."""
        self._stubborn: set[tuple[str, str]] = set()

    def is_stubborn(self, table: Table, name: str) -> bool:
        """Tell whether everything else was tried in vain on this rule before."""
        return (table.name, name) in self._stubborn

    def check(self, table: Table, name: str, reason: str) -> Again | Later | str:
        """Drop a check; one that is inherited can only be dropped where it was made."""
        owner = self._origin(table, name)
        return self._lift(f"alter table {owner.name}", owner.name, name, "check", reason)

    def domain_check(self, domain: str, name: str, reason: str) -> Again | Later | str:
        """Drop a check of a domain."""
        return self._lift(f"alter domain {domain}", domain, name, "domain check", reason)

    def exclusion(self, table: Table, name: str, reason: str) -> Again | Later | str:
        """Drop an exclusion constraint."""
        return self._lift(f"alter table {table.name}", table.name, name, "exclusion", reason)

    def trigger(self, table: Table, trigger: Trigger, reason: str) -> Again | Later | str:
        """Switch a trigger off."""
        statement = f"alter table {table.name} disable trigger {trigger.name}"
        return self._altered(statement, Lifted(table.name, trigger.name, "trigger", reason))

    def restore_triggers(self) -> None:
        """Switch triggers on again: the rows are there, and what a trigger refuses users is refused."""
        for lifted in self.lifted:
            if lifted.kind == "trigger":
                self._connection.execute(f"alter table {lifted.table} enable trigger {lifted.name}".encode())

    def is_off(self, table: Table, trigger: Trigger) -> bool:
        """Tell whether a trigger was switched off."""
        return any(
            (lifted.table, lifted.name, lifted.kind) == (table.name, trigger.name, "trigger")
            for lifted in self.lifted
        )

    def _lift(self, alter: str, owner: str, name: str, kind: str, reason: str) -> Again | Later | str:
        quoted = identifier(name)
        why = f"no value that was tried satisfies it: {reason}"
        return self._altered(f"{alter} drop constraint {quoted} cascade", Lifted(owner, quoted, kind, why))

    def _altered(self, statement: str, lifted: Lifted) -> Again | Later | str:
        """Change the schema; gives what the server had against it."""
        if not self.allowed:
            self._stubborn.add((lifted.table, lifted.name))
            return Later()
        try:
            with self._connection.transaction():
                self._connection.execute(statement.encode())
        except psycopg.Error as error:
            return f"{lifted.reason}; {lifted.name} cannot be lifted: {told(error)}"
        self.lifted.append(lifted)
        return Again()

    def _origin(self, table: Table, name: str) -> Table:
        for above in table.parents:
            parent = self._schema.tables.get(above)
            if parent and any(bare(check.name) == name for check in parent.checks):
                return self._origin(parent, name)
        return table
