"""What tables are for, by their form and their names, where no policy shows it."""

from __future__ import annotations

import re

from shipworthy.probes.postgres.access.schema import Reference, Table

MEMBERS = re.compile(
    r"member|participant|(team|org|group|account|workspace|company|project)\w*_user|user_(team|org|group)"
)
"""In the names of tables that tie users to tenants."""
LOOKUP = re.compile(
    r"(^|_)(roles?|permissions?|plans?|tiers?|types?|kinds?|status(es)?|scopes?|e?mail|phone|name)(_|$)"
)
"""In the names of what memberships refer to beside their tenants."""


def has_one_row(table: Table) -> bool:
    """Tell whether a check leaves the primary key one value: settings of the whole deployment."""
    key = table.primary_key
    one = (
        re.compile(rf"\(*{re.escape(key[0])}(?: IS TRUE| = (?:true|\d+|'[^']*'(?:::\w+)?))?\)*")
        if key
        else None
    )
    checks = (check.expression for check in table.checks if check.columns == key)
    return bool(one and not key[1:] and any(one.fullmatch(check) for check in checks))


def ties(table: Table, user: str, reference: Reference) -> bool:
    """Tell whether a table ties users to what it refers to: by its name, or by one ranked row for each."""
    name, target = (full.rsplit(".", 1)[-1].strip('"') for full in (table.name, reference.target))
    if LOOKUP.search(target):
        return False
    if MEMBERS.search(name) and target.rstrip("s") in name:
        return True
    ranked = MEMBERS.search(name) or any(column.endswith("role") for column in table.by_name)
    return bool(ranked) and any({*key.columns} == {user, *reference.columns} for key in table.keys)
