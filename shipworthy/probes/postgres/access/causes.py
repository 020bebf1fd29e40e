"""What let someone through, as far as the catalogue tells, and the SQL that would not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shipworthy.probes.postgres.access.model import Cell
from shipworthy.probes.postgres.access.schema import MATERIALIZED, VIEW, Policy, Schema, Table

ASKED = {
    "select": ("select",),
    "insert": ("insert",),
    "update": ("update",),
    "delete": ("delete",),
    "upsert": ("insert", "update"),
    "move": ("update",),
    "raise": ("update", "insert"),
}
"""Command to those whose policies it meets."""
INVOKER = frozenset({"security_invoker=true", "security_invoker=on", "security_invoker=1"})
CALLED = re.compile(r"\b(?!auth\.|storage\.|pg_catalog\.)(\w+\.\w+)\(")


@dataclass(frozen=True, slots=True)
class Causes:
    """Explains cells of one relation and command that should not have been reached."""

    schema: Schema

    def explain(self, cells: Sequence[Cell]) -> str:
        """Say what lets the personas through: row security that is off, a view's owner, policies."""
        table = self.schema.relations[cells[0].relation]
        if cells[0].command == "truncate":
            return "the privilege TRUNCATE, which no policy restricts"
        if table.kind == MATERIALIZED:
            return "a materialized view, which has no policies"
        if table.kind == VIEW:
            return "a view with its caller's rights" if _invokes(table) else "a view with its owner's rights"
        if not table.rls:
            return "no policy: row level security is off"
        return "; ".join(map(_written, self._policies(table, cells))) or "no permissive policy"

    def remedy(self, cells: Sequence[Cell]) -> str:
        """Write the SQL that closes it; what only the project knows is left open as ``(…)``."""
        table, command = self.schema.relations[cells[0].relation], cells[0].command
        roles = ", ".join(sorted(set(map(role_of, cells))))
        if command == "truncate" or table.kind == MATERIALIZED:
            return f"revoke {command} on {table.name} from {roles};"
        if table.kind == VIEW:
            own = f"alter view {table.name} set (security_invoker = true);"
            return f"scope the policies of the tables beneath {table.name}." if _invokes(table) else own
        if not table.rls:
            return f"alter table {table.name} enable row level security;"
        if roles == "anon" and command != "select":
            return f"revoke {', '.join(ASKED[command])} on {table.name} from anon;"
        return self._narrowing(table, cells)

    def _narrowing(self, table: Table, cells: Sequence[Cell]) -> str:
        policies = self._policies(table, cells)
        column = re.match(r"(?:a new row with )?(.+?) = ", cells[0].case)
        if cells[0].command == "raise" and column:
            return (
                f"revoke update on {table.name} from authenticated; grant update (…) on {table.name} to"
                f" authenticated; with all columns but {column[1]}; or a with check (…) that pins it."
            )
        parts = [_altered(table, policy, cells[0].command) for policy in policies]
        texts = [text for policy in policies for text in (policy.using, policy.check) if text]
        asked = sorted({name for text in texts for name in CALLED.findall(text)})
        helpers = f", or mend what they ask: {', '.join(asked)}" if asked else ""
        return f"{' '.join(parts)} so that it holds for the caller's own rows only{helpers}."

    def _policies(self, table: Table, cells: Sequence[Cell]) -> tuple[Policy, ...]:
        """Give the permissive policies that these attempts met."""
        commands = {"all", *ASKED.get(cells[0].command, ())}
        if cells[0].command == "raise" and not any(cell.case.startswith("a new row") for cell in cells):
            commands -= {"insert"}
        roles = {"public", *map(role_of, cells)}
        return tuple(
            p for p in table.policies if p.permissive and p.command in commands and roles & {*p.roles}
        )


def role_of(cell: Cell) -> str:
    """Give the database role of a cell's persona."""
    return cell.persona if cell.persona in {"anon", "service_role"} else "authenticated"


def _invokes(table: Table) -> bool:
    return bool(INVOKER & {option.lower() for option in table.options})


def _written(policy: Policy) -> str:
    parts: Iterable[str] = (
        f'policy "{policy.name}"',
        f"using ({policy.using})" if policy.using else "",
        f"with check ({policy.check})" if policy.check else "",
    )
    return " ".join(" ".join(parts).split())


def _altered(table: Table, policy: Policy, command: str) -> str:
    name = policy.name.replace('"', '""')
    using = " using (…)" if policy.command != "insert" else ""
    written = command in {"insert", "upsert", "move", "raise"}
    check = " with check (…)" if written and policy.command in {"insert", "update", "all"} else ""
    return f'alter policy "{name}" on {table.name}{using}{check};'
