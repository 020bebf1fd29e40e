"""Bodies of functions in PL/pgSQL, read for what their queries compare and where the results go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pglast import ast, parse_plpgsql, parse_sql
from pglast.parser import ParseError

from shipworthy.probes.postgres.access.comparisons import CALL, Comparisons, Place, Term
from shipworthy.probes.postgres.access.expressions import Reader
from shipworthy.probes.postgres.access.names import quoted

MakeReader = Callable[[Iterable[str]], Reader]
_TYPE = re.compile(r"""(?imx)
  ^ (?P<start> \s* (?:declare\s+)? \w+ \s+ (?:constant\s+)? )
  (?P<type> (?:"[^"]+"|\w+) (?: \. (?:"[^"]+"|\w+) )+ ) (?P<of> %(?:row)?type )? (?: \[\] )?
  (?= \s* (?: ; | := | = | default\b | not\s+null\b ) )""")
"""A declared variable whose type the parser cannot look up: it knows those of Postgres alone."""


class Body:
    """The body of a PL/pgSQL function."""

    def __init__(self, signature: str, found: Comparisons, make_reader: MakeReader) -> None:
        """Take whose body it is, what is told of comparisons, and who reads the queries in it."""
        self.owner, self.found, self._make_reader = CALL + signature, found, make_reader

    def read(self, name: str, names: Iterable[str], source: str, relations: Iterable[str]) -> None:
        """Read a body.

        Args:
            name: of the function: its parameters are also called by it.
            names: of its parameters.
            source: the text.
            relations: tables: a variable of such a type has fields.

        """
        for tree in _parse(list(names), source, frozenset(relations)):
            function = tree.get("PLpgSQL_function", {})
            contents = [next(iter(datum.items())) for datum in function.get("datums", ())]
            declared = {
                c.get("refname", "") for kind, c in contents if kind in {"PLpgSQL_var", "PLpgSQL_rec"}
            }
            self.reader = self._make_reader({*filter(None, names), *declared, name})
            for kind, content in contents:
                if kind == "PLpgSQL_var":
                    self._default(content)
            self._visit(function.get("action", {}))

    def _default(self, variable: dict[str, Any]) -> None:
        if text := _query(variable.get("default_val")):
            self._flow(variable["refname"], f"select {text}")

    def _visit(self, node: Any) -> None:
        if isinstance(node, list):
            for part in node:
                self._visit(part)
        elif isinstance(node, dict):
            for kind, content in node.items():
                if not (isinstance(content, dict) and self._statement(kind, content)):
                    self._visit(content)

    def _statement(self, kind: str, content: dict[str, Any]) -> bool:
        """Read one statement whose result goes somewhere; gives whether that was all of it."""
        if kind == "PLpgSQL_expr":
            self._expression(content)
        elif kind == "PLpgSQL_stmt_return" and (text := _query(content.get("expr"))):
            self._flow("result", f"select {text}")
        elif kind == "PLpgSQL_stmt_return_query" and (text := _query(content.get("query"))):
            self._flow("result", text)
        elif kind == "PLpgSQL_stmt_execsql" and (text := _query(content.get("sqlstmt"))):
            self._into(content.get("target"), text)
        elif kind == "PLpgSQL_stmt_fors" and (text := _query(content.get("query"))):
            self._into(content.get("var"), text)
            self._visit(content.get("body", []))
        else:
            return False
        return True

    def _expression(self, content: dict[str, Any]) -> None:
        text = content.get("query", "")
        if content.get("parseMode", 0) == 0:
            self._outputs(text)
            return
        name, sign, value = text.partition(":=")
        if content["parseMode"] > 2 and sign:
            self._flow(name.strip(), f"select {value}")
            return
        block = self.reader.block()
        for node in parsed(f"select {text}"):
            self.reader.condition(node.targetList[0].val, block, positive=True)

    def _into(self, target: dict[str, Any] | None, text: str) -> None:
        outputs = self._outputs(text)
        nothing: tuple[str, dict[str, Any]] = ("", {})
        kind, content = next(iter((target or {}).items()), nothing)
        if kind == "PLpgSQL_row":
            names = [field["name"] for field in content.get("fields", ())]
            for name, term in zip(names, outputs.values(), strict=False):
                self.found.flow(Place(self.owner, name), term)
        elif kind == "PLpgSQL_rec":
            for name, term in outputs.items():
                self.found.flow(Place(self.owner, f"{content.get('refname', '')}.{name}"), term)
        elif kind == "PLpgSQL_var" and outputs:
            self.found.flow(Place(self.owner, content["refname"]), next(iter(outputs.values())))

    def _flow(self, name: str, text: str) -> None:
        for term in list(self._outputs(text).values())[:1]:
            self.found.flow(Place(self.owner, name), term)

    def _outputs(self, text: str) -> dict[str, Term]:
        outputs: dict[str, Term] = {}
        for node in parsed(text):
            outputs = self.reader.query(node)
        return outputs


def _parse(names: list[str], source: str, relations: frozenset[str]) -> list[dict[str, Any]]:
    """Parse a body, whatever the function's types: the parser wants to look them up and cannot."""
    arguments = ", ".join(f"{quoted(name)} text" for name in dict.fromkeys(names) if name)

    def plain(match: re.Match[str]) -> str:
        rows = (match["of"] and match["of"].lower() == "%rowtype") or match["type"] in relations
        return match["start"] + ("record" if rows else "text")

    declared = re.split(r"(?i)\bbegin\b", source, maxsplit=1)[0]
    text = _TYPE.sub(plain, declared) + source[len(declared) :]
    for returns in ("text", "setof text", "void", "table (found text)"):
        head = f"create function f({arguments}) returns {returns} language plpgsql as "
        try:
            trees: list[dict[str, Any]] = parse_plpgsql(f"{head}$shipworthy${text}$shipworthy$")
        except (ParseError, ValueError, RecursionError):
            continue
        return trees
    return []


def _query(expression: dict[str, Any] | None) -> str:
    return str((expression or {}).get("PLpgSQL_expr", {}).get("query", ""))


def parsed(text: str) -> Iterator[Any]:
    """Parse a text; what Postgres' parser does not take says nothing."""
    try:
        statements = parse_sql(text)
    except (ParseError, RecursionError):
        return
    for statement in statements:
        if isinstance(statement.stmt, ast.SelectStmt | ast.UpdateStmt | ast.DeleteStmt | ast.InsertStmt):
            yield statement.stmt
