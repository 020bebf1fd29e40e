"""Decisions that rest on what the caller wrote into their own account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from pglast import Error, ast, parse_sql
from pglast.stream import RawStream

from shipworthy.probes.postgres.bodies import by_name, reached_functions, read_text
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.exposure import Function
from shipworthy.probes.postgres.facts import read_facts
from shipworthy.probes.postgres.openness import nodes
from shipworthy.probes.postgres.policies import Policy


@dataclass(frozen=True, slots=True)
class View:
    """A view of the project."""

    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Trusting:
    """Something that decides by what users write themselves."""

    subject: str
    claims: tuple[str, ...]
    through: str
    """The function in which the claim stands; empty where it stands in the subject itself."""


_VIEWS = """
select format('%%I.%%I', n.nspname, c.relname) as name, pg_catalog.pg_get_viewdef(c.oid) as definition
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_'
  and not exists (select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1
"""


def read_views(connection: psycopg.Connection[Any]) -> tuple[View, ...]:
    """Read the definitions of the project's views, materialized ones too."""
    return read_facts(connection, View, _VIEWS, {"platform": list(PLATFORM_SCHEMAS)})


def trusting(
    policies: Iterable[Policy], views: Iterable[View], functions: Iterable[Function]
) -> tuple[Trusting, ...]:
    """Give what decides by user-editable claims: policies, conditions of views, and what these call."""
    index = by_name(functions)
    decisions = [(policy.subject, " ; ".join(policy.expressions)) for policy in policies]
    decisions += [(f"view {view.name}", conditions) for view in views for conditions in _conditions(view)]
    found: dict[tuple[str, str], Trusting] = {}
    for subject, expression in decisions:
        text = read_text(expression)
        if text.editable_claims:
            found.setdefault((subject, ""), Trusting(subject, text.editable_claims, ""))
        for function in reached_functions(text, index):
            if claims := read_text(function.source).editable_claims:
                key = (subject, function.signature)
                found.setdefault(key, Trusting(subject, claims, function.signature))
    return tuple(found.values())


def _conditions(view: View) -> Iterator[str]:
    """Give the conditions by which a view chooses rows: what it shows decides nothing."""
    try:
        statements = parse_sql(view.definition)
    except Error:
        return
    for node in nodes(statements):
        if isinstance(node, ast.SelectStmt):
            conditions = [node.whereClause, node.havingClause]
        elif isinstance(node, ast.JoinExpr):
            conditions = [node.quals]
        else:
            continue
        yield from (str(RawStream()(condition)) for condition in conditions if condition is not None)
