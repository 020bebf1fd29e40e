"""What names in an expression mean: columns of the tables in sight, or parameters and variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pglast import ast
from pglast.keywords import COL_NAME_KEYWORDS, RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS

from shipworthy.probes.postgres.access.comparisons import CALL, Block, Place, Ref, Term

NOTHING = Term()
WITH = "with "
"""How the aliases begin that are names of common table expressions."""
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_KEYWORDS = RESERVED_KEYWORDS | COL_NAME_KEYWORDS | TYPE_FUNC_NAME_KEYWORDS


def is_a(node: Any, *kinds: type) -> bool:
    """Tell what a node of the parser's tree is, without the claims that pglast's types make about it."""
    return isinstance(node, kinds)


def quoted(name: str) -> str:
    """Quote a name where a statement needs it, as ``quote_ident`` does."""
    if _PLAIN.fullmatch(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Names:
    """What names mean in one source: a table's policies, a view, a function."""

    source: str
    columns: Mapping[str, frozenset[str]]
    """Of each relation, quoted."""
    table: Callable[[str | None, str], str]
    """Schema, if one is said, and name to the relation's name."""
    function: Callable[[str | None, str, int], str | None]
    """Schema, if one is said, name and number of arguments to the function's; None where it is unknown."""
    variables: frozenset[str] = frozenset()
    """Parameters and variables of a function."""

    def reference(self, node: Any, block: Block) -> Term:
        """Say which columns a reference can mean."""
        parts = [part.sval for part in node.fields if is_a(part, ast.String)]
        if len(parts) < 2:
            return self._bare(parts[0], block) if parts else NOTHING
        seeking: Block | None = block
        while seeking:
            if parts[-2] in seeking.aliases:
                return self.column(parts[-2], parts[-1], seeking)
            seeking = seeking.above
        name = parts[-1] if parts[-1] in self.variables else ".".join(parts[-2:])
        return Term((Ref(Place(CALL + self.source, name)),)) if self.variables else NOTHING

    def column(self, alias: str, name: str, block: Block) -> Term:
        """Give a column of what an alias stands for."""
        meant = block.aliases[alias]
        if isinstance(meant, dict):
            return meant.get(name, meant.get("*", NOTHING))
        if self.columns.get(meant) and quoted(name) not in self.columns[meant]:
            return NOTHING
        return Term((Ref(Place(meant, quoted(name)), block.number, alias),))

    def star(self, block: Block) -> dict[str, Term]:
        """Give every column of everything that a query is from."""
        found: dict[str, Term] = {}
        for alias, meant in block.aliases.items():
            if not isinstance(meant, dict):
                for column in self.columns.get(meant, ()):
                    found[column] = Term((Ref(Place(meant, column), block.number, alias),))
            elif not alias.startswith(WITH):
                found.update(meant)
        return found

    def _bare(self, name: str, block: Block) -> Term:
        seeking: Block | None = block
        while seeking:
            for alias, meant in seeking.aliases.items():
                if isinstance(meant, dict):
                    known = name in meant and not alias.startswith(WITH)
                else:
                    known = quoted(name) in self.columns.get(meant, ())
                if known:
                    return self.column(alias, name, seeking)
            seeking = seeking.above
        return Term((Ref(Place(CALL + self.source, name)),)) if name in self.variables else NOTHING


def seek_cte(block: Block | None, name: str) -> dict[str, Term] | None:
    """Find a common table expression by its name."""
    while block:
        meant = block.aliases.get(WITH + name)
        if isinstance(meant, dict):
            return meant
        block = block.above
    return None
