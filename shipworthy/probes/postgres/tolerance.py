"""Differences between two databases that are no drift: what jobs and the platform do by themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from shipworthy.probes.postgres.catalogue import HOOK_ROLE, Fact

Side = Mapping[Fact, str]
Rule = Callable[[], bool]
EXPOSED = {
    "tables": "delete, insert, references, select, trigger, truncate, update",
    "sequences": "select, update, usage",
    "functions": "execute",
}
"""What the Data API's roles get on everything new in public where the platform exposes it by itself."""
WITHHELD = {"tables": "references, trigger, truncate", "sequences": "update", "functions": "none"}
"""What they get where it does not: the default since 2026."""
ROLES = ("anon", "authenticated", "service_role")
DEFAULT = re.compile(r"for (tables|sequences|functions) in public to (anon|authenticated|service_role)")
GRANTED = re.compile(r"(table|sequence|function) public\..* to (anon|authenticated|service_role)")
STOOD_IN = "stood in for"
AUTOMATIC_RLS = frozenset({("function", "public.rls_auto_enable()"), ("trigger", "event trigger ensure_rls")})
"""What the option "Enable automatic RLS" puts into a new project; no migration of the project has it."""


def tolerated(fact: Fact, project: Side, live: Side, *, automatic: bool = False) -> bool:
    """Tell whether a fact may differ.

    Args:
        fact: kind and name.
        project: every fact of the side that the project makes.
        live: every fact of the deployed side.
        automatic: see ``exposes_by_itself``: the deployed side may hold grants of the older default.

    """
    kind, name = fact
    if automatic and kind == "grant" and _was_automatic(name, live.get(fact)):
        return True
    by_kind: dict[str, Rule] = {
        "partitions": lambda: fact not in project or fact not in live,  # a job makes and drops them
        "contents": lambda: fact not in project,  # a job fills what its migration left empty
        "extension version": lambda: True,  # the server's, unless a migration pins it
        "extension": lambda: (
            STOOD_IN in (project.get(fact), live.get(fact)) and fact in project and fact in live
        ),
        "default privileges": lambda: _is_the_platforms(name, project, live),
        "grant": lambda: _is_the_platforms_grant(name, project, live),
    }
    rule = by_kind.get(kind, lambda: _came_with_automatic_rls(fact, project, live))
    return rule()


def exposes_by_itself(side: Side) -> bool:
    """Tell in which of the platform's two defaults a database lives.

    A database in which the project itself took all privileges away says nothing: True, the older one.
    """
    tables = [side.get(("default privileges", f"for tables in public to {role}"), "") for role in ROLES]
    return not any(text == WITHHELD["tables"] for text in tables) or EXPOSED["tables"] in tables


def _is_the_platforms(name: str, project: Side, live: Side) -> bool:
    """Accept both of the platform's defaults, each beside the other, where the two sides live in both."""
    match = DEFAULT.fullmatch(name)
    if not match or exposes_by_itself(project) == exposes_by_itself(live):
        return False
    values = {side.get(("default privileges", name)) for side in (project, live)}
    return values == {EXPOSED[match[1]], WITHHELD[match[1]]}


def _was_automatic(name: str, granted: str | None) -> bool:
    match = GRANTED.fullmatch(name)
    return match is not None and granted == EXPOSED[f"{match[1]}s"]


def _is_the_platforms_grant(name: str, project: Side, live: Side) -> bool:
    """Accept what hosting grants beyond the project: to its own role, and in the schema of older projects."""
    granted, here = live.get(("grant", name)), project.get(("grant", name))
    if here is None and (name.endswith(f" to {HOOK_ROLE}") or "public.rls_auto_enable()" in name):
        return True
    return name == "schema public to public" and (here, granted) == ("usage", "create, usage")


def _came_with_automatic_rls(fact: Fact, project: Side, live: Side) -> bool:
    if fact in AUTOMATIC_RLS:
        return fact not in project
    on_live_only = all(part in live and part not in project for part in AUTOMATIC_RLS)
    enabled = (project.get(fact), live.get(fact)) == ("disabled", "enabled")
    return on_live_only and enabled and fact[0] == "row level security"
