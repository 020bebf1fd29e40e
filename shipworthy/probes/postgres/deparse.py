"""How Postgres prints a view differs by version; here it is brought to one form."""

from __future__ import annotations

from typing import Any

from pglast import ast, parse_sql
from pglast.parser import ParseError


def as_since_16(definition: str) -> str:
    """Print a view of an older server as servers since 16 do.

    Until 15 the columns of a view on a single relation carry its name; since 16 they do not, except in
    subqueries.

    Args:
        definition: a first line about the view, then its query.

    """
    head, _, query = definition.partition("\n")
    try:
        select = parse_sql(query)[0].stmt
    except ParseError:
        return definition
    alias = _only_relation(select)
    if not alias:
        return definition
    quoted = [f"{name}." for name in (alias, '"' + alias.replace('"', '""') + '"')]
    for place in sorted(_qualified(select, alias), reverse=True):
        prefix = next((name for name in quoted if query.startswith(name, place)), "")
        query = query[:place] + query[place + len(prefix) :]
    return f"{head}\n{query}"


def _only_relation(select: Any) -> str | None:
    """Give the name by which a query knows its relation; None where it has several, or none."""
    sources: tuple[Any, ...] = select.fromClause or ()
    if len(sources) != 1 or not isinstance(sources[0], ast.RangeVar | ast.RangeSubselect | ast.RangeFunction):
        return None
    source = sources[0]
    if source.alias:
        return str(source.alias.aliasname)
    return str(source.relname) if isinstance(source, ast.RangeVar) else None


def _qualified(node: Any, alias: str) -> list[int]:
    """Find the columns of the outer query that carry the name: where each begins."""
    found: list[int] = []
    waiting: list[Any] = [node]
    while waiting:
        here: Any = waiting.pop()
        if type(here) is ast.ColumnRef:
            names: tuple[Any, ...] = here.fields or ()
            if len(names) > 1 and getattr(names[0], "sval", None) == alias:
                found.append(int(here.location or 0))
        elif isinstance(here, tuple):
            waiting.extend(here)
        elif isinstance(here, ast.Node) and not isinstance(here, ast.SubLink | ast.RangeSubselect):
            waiting.extend(getattr(here, slot) for slot in here)
    return found
