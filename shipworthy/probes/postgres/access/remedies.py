"""The SQL that makes access what the contract says; what only the project knows stands in brackets."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shipworthy.probes.postgres.access.audience import Audience, words
from shipworthy.probes.postgres.access.audiences import RelationAccess
from shipworthy.probes.postgres.access.contract import Audiences
from shipworthy.probes.postgres.access.schema import MATERIALIZED, VIEW, Schema, Table

CLAUSES = {"select": "using ({})", "delete": "using ({})", "insert": "with check ({})"}
BOTH_CLAUSES = "using ({0}) with check ({0})"
REFUSED = re.compile(r"permission denied for (schema|function|sequence|table|(?:materialized )?view) (\S+)")
NEEDED = {"schema": "usage", "function": "execute", "sequence": "usage"}


def closing(
    relation: RelationAccess,
    command: str,
    beyond: Iterable[Audience],
    meant: Audiences,
    schema: Schema | None = None,
) -> str:
    """Take back what reaches further than it is meant to."""
    name, beyond = relation.relation, tuple(beyond)
    public = _has_everyone(beyond) and not _has_everyone(meant)
    if not meant:
        return f"revoke {command} on {name} from {'anon, ' * public}authenticated;"
    role = "anon" if _has_everyone(beyond) else "authenticated"
    narrowed = _narrowed(schema.relations.get(name) if schema else None, name, command, meant, role)
    return f"revoke {command} on {name} from anon; {narrowed}" if public else narrowed


def _narrowed(table: Table | None, name: str, command: str, meant: Audiences, role: str) -> str:
    clause = CLAUSES.get(command, BOTH_CLAUSES).format(f"<{words(meant)}>")
    general = f"scope the {command.upper()} policies of {name}: {clause};"
    if table is None:
        return general
    if table.kind == VIEW:
        return f"alter view {name} set (security_invoker = true); and scope the policies beneath it;"
    if table.kind != MATERIALIZED and not table.rls:
        return f"alter table {name} enable row level security;"
    met = [
        f"alter policy {_identifier(policy.name)} on {name} {clause};"
        for policy in table.policies
        if policy.permissive and policy.command in {"all", command} and {role, "public"} & {*policy.roles}
    ]
    return " ".join(met) or general


def opening(relation: RelationAccess, command: str, missing: Iterable[Audience]) -> str:
    """Let in whom the contract names: by the grant that was missing, else by a policy."""
    widest = min(missing, key=lambda one: one.order)
    roles = "anon, authenticated" if widest.who == "everyone" else "authenticated"
    cell = relation.told.get((command, widest.who))
    refused = REFUSED.search(cell.saw) if cell and not cell.reached else None
    if refused and refused[1] in NEEDED:
        return f"grant {NEEDED[refused[1]]} on {refused[1]} {refused[2]} to {roles};"
    if refused:
        return f"grant {command} on {relation.relation} to {roles};"
    condition = widest.when or ("true" if widest.who in {"everyone", "users"} else f"<{widest.who}>")
    clause = CLAUSES.get(command, BOTH_CLAUSES).format(condition)
    return f'create policy "<name>" on {relation.relation} for {command} to {roles} {clause};'


def _has_everyone(audiences: Iterable[Audience]) -> bool:
    return any(audience.who == "everyone" for audience in audiences)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
