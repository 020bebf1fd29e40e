"""How the lines of an access contract are written."""

from __future__ import annotations

from collections.abc import Iterable

import tomlkit

from shipworthy.probes.postgres.access.audience import NOBODY, Audience
from shipworthy.probes.postgres.access.contract import WRITES, Access


def access_values(access: Access) -> dict[str, list[str]]:
    """Give the keys of a table's line and the audiences of each, the shortest way that says it all."""
    values = {"read": texts(access["select"])} if access["select"] else {}
    first, *rest = (access[command] for command in WRITES)
    if first and all(audiences == first for audiences in rest):
        return values | {"write": texts(first)}
    return values | {command: texts(access[command]) for command in WRITES if access[command]}


def texts(audiences: Iterable[Audience]) -> list[str]:
    """Name audiences, the widest first."""
    return [str(audience) for audience in sorted(audiences, key=lambda one: one.order)] or [str(NOBODY)]


def access_line(access: Access) -> str:
    """Write what stands behind a table's name: ``{ read = "members", write = "admins" }``."""
    values = access_values(access)
    inside = ", ".join(f"{key} = {_value(names)}" for key, names in values.items())
    return f"{{ {inside} }}" if inside else "{}"


def audience_value(audiences: Iterable[Audience]) -> str:
    """Write audiences as a value: a text for one, a list for several."""
    return _value(texts(audiences))


def quoted(text: str) -> str:
    """Write a TOML string, also for names with quotes, backslashes or control characters in them."""
    return str(tomlkit.string(text).as_string())


def _value(names: list[str]) -> str:
    if len(names) == 1:
        return quoted(names[0])
    return "[" + ", ".join(map(quoted, names)) + "]"
