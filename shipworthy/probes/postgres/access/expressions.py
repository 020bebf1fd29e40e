"""Expressions and queries, read for what they compare: Postgres' own parser, walked with its scopes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pglast import ast, enums

from shipworthy.probes.postgres.access.comparisons import (
    CALL,
    EQUAL,
    IS_NULL,
    NOW,
    Block,
    Comparison,
    Comparisons,
    Place,
    Ref,
    Term,
)
from shipworthy.probes.postgres.access.known_functions import many, read_known, step_into
from shipworthy.probes.postgres.access.names import NOTHING, WITH, Names, is_a, seek_cte

PLATFORM = frozenset({"auth", "storage"})
JSON_STEPS = frozenset({"->", "->>", "#>", "#>>"})
LISTS = frozenset({"@>", "<@", "&&", "?", "?|"})
CONTAINS = LISTS | frozenset({"=", "~~", "~~*"})


class Reader:
    """Reads the queries and expressions of one source: a table's policies, a view, a function."""

    def __init__(self, found: Comparisons, names: Names) -> None:
        """Take what is told of every comparison, and what names mean here."""
        self.found, self.names = found, names

    def policy(self, table: str, expression: Any) -> None:
        """Read a policy's expression over the rows of a table."""
        block = self.block(None, outer=True)
        block.aliases[table.rsplit(".", 1)[-1]] = table
        self.condition(expression, block, positive=True)

    def query(self, node: Any, above: Block | None = None, *, positive: bool = True) -> dict[str, Term]:
        """Read a query; gives its output columns."""
        block = self.block(above, negated=not positive)
        if is_a(node, ast.SelectStmt):
            return self._select(node, block)
        for part in (getattr(node, "relation", None), *(getattr(node, "fromClause", None) or ())):
            self._from(part, block)
        for part in getattr(node, "usingClause", None) or ():
            self._from(part, block)
        if getattr(node, "whereClause", None):
            self.condition(node.whereClause, block, positive=True)
        return self._targets(getattr(node, "returningList", None) or (), block)

    def block(self, above: Block | None = None, *, outer: bool = False, negated: bool = False) -> Block:
        """Begin a query level."""
        number = len(self.found.blocks)
        block = Block(
            number, self.names.source, above, outer, negated=negated or bool(above and above.negated)
        )
        self.found.blocks[number] = block
        return block

    def _select(self, node: Any, block: Block) -> dict[str, Term]:
        for cte in node.withClause.ctes if node.withClause else ():
            block.aliases[WITH + cte.ctename] = self._cte(cte, block)
        if node.larg:
            left, right = (self._select(part, self.block(block)) for part in (node.larg, node.rarg))
            names = zip(left, list(left.values()), list(right.values()), strict=False)
            return {name: a | b for name, a, b in names}
        for part in node.fromClause or ():
            self._from(part, block)
        if node.whereClause:
            self.condition(node.whereClause, block, positive=True)
        if node.havingClause:
            self.condition(node.havingClause, block, positive=True)
        return self._targets(node.targetList or (), block)

    def _cte(self, cte: Any, block: Block) -> dict[str, Term]:
        if is_a(cte.ctequery, ast.SelectStmt) and cte.ctequery.larg:
            # A recursive one names itself: its first part says what its columns are.
            block.aliases[WITH + cte.ctename] = self.query(cte.ctequery.larg, block)
        given = self.query(cte.ctequery, block)
        if cte.aliascolnames:
            return dict(zip((name.sval for name in cte.aliascolnames), given.values(), strict=False))
        return given

    def _targets(self, targets: Iterable[Any], block: Block) -> dict[str, Term]:
        found: dict[str, Term] = {}
        for number, target in enumerate(targets):
            value = target.val
            if is_a(value, ast.ColumnRef) and is_a(value.fields[-1], ast.A_Star):
                found.update(self.names.star(block))
                continue
            name = target.name or (_last(value.fields) if is_a(value, ast.ColumnRef) else f"?{number}")
            found[name] = self.value(value, block)
        return found

    def _from(self, node: Any, block: Block) -> None:
        if is_a(node, ast.JoinExpr):
            self._from(node.larg, block)
            self._from(node.rarg, block)
            if node.quals:
                self.condition(node.quals, block, positive=True)
            for name in node.usingClause or ():
                self._using(name.sval, block)
        elif is_a(node, ast.RangeVar):
            cte = None if node.schemaname else seek_cte(block, node.relname)
            alias = node.alias.aliasname if node.alias else node.relname
            block.aliases[alias] = self.names.table(node.schemaname, node.relname) if cte is None else cte
        elif is_a(node, ast.RangeSubselect):
            block.aliases[node.alias.aliasname if node.alias else "?"] = self.query(node.subquery, block)
        elif is_a(node, ast.RangeFunction):
            term = self.value(node.functions[0][0], block)
            alias = node.alias.aliasname if node.alias else "?"
            names = [name.sval for name in (node.alias.colnames if node.alias else None) or ()]
            block.aliases[alias] = dict.fromkeys([*names, alias, "*"], term)

    def _using(self, name: str, block: Block) -> None:
        refs = [ref for alias in block.aliases for ref in self.names.column(alias, name, block).refs]
        for ref in refs[1:]:
            self.found.link(refs[0], ref)

    def condition(self, node: Any, block: Block, *, positive: bool) -> None:
        """Read something that is true or false."""
        if is_a(node, ast.BoolExpr):
            flips = node.boolop == enums.BoolExprType.NOT_EXPR
            for part in node.args:
                self.condition(part, block, positive=positive != flips)
        elif is_a(node, ast.A_Expr):
            self._comparison(node, block, positive=positive)
        elif is_a(node, ast.NullTest):
            holds = positive == (node.nulltesttype == enums.NullTestType.IS_NULL)
            self._note(self.value(node.arg, block), IS_NULL, "", block, positive=holds)
        elif is_a(node, ast.BooleanTest):
            kind = node.booltesttype
            true = kind in {enums.BoolTestType.IS_TRUE, enums.BoolTestType.IS_NOT_FALSE}
            self.condition(node.arg, block, positive=positive == true)
        elif is_a(node, ast.SubLink):
            self.sublink(node, block, positive=positive)
        elif is_a(node, ast.CoalesceExpr):
            self.condition(node.args[0], block, positive=positive)
        elif is_a(node, ast.CaseExpr):
            self.case(node, block)
        elif is_a(node, ast.TypeCast):
            self.condition(node.arg, block, positive=positive)
        else:
            self._note(self.value(node, block), EQUAL, "true", block, positive=positive)

    def case(self, node: Any, block: Block) -> Term:
        """Read every branch: any of them may be the value."""
        if node.arg:
            self.value(node.arg, block)
        term = NOTHING
        for branch in node.args:
            self.condition(branch.expr, block, positive=True)
            term |= self.value(branch.result, block)
        return term | (self.value(node.defresult, block) if node.defresult else NOTHING)

    def sublink(self, node: Any, block: Block, *, positive: bool) -> Term:
        """Read a subquery; gives its first column where it is a value."""
        kind = enums.SubLinkType
        outputs = self.query(node.subselect, block, positive=positive)
        first = next(iter(outputs.values()), NOTHING)
        if node.subLinkType == kind.ANY_SUBLINK:
            tests = node.testexpr.args if is_a(node.testexpr, ast.RowExpr) else (node.testexpr,)
            for test, output in zip(tests, outputs.values(), strict=False):
                self._compare(self.value(test, block), output, EQUAL, block, positive=positive)
            return NOTHING
        return first if node.subLinkType in {kind.EXPR_SUBLINK, kind.ARRAY_SUBLINK} else NOTHING

    def _comparison(self, node: Any, block: Block, *, positive: bool) -> None:
        kind, operator = node.kind, node.name[-1].sval
        kinds = enums.A_Expr_Kind
        if kind == kinds.AEXPR_NULLIF or operator in JSON_STEPS:
            self._note(self.value(node, block), EQUAL, "true", block, positive=positive)
            return
        pairs = [(node.lexpr, node.rexpr)]
        if is_a(node.lexpr, ast.RowExpr) and is_a(node.rexpr, ast.RowExpr):
            pairs = list(zip(node.lexpr.args, node.rexpr.args, strict=False))
        if kind in {kinds.AEXPR_BETWEEN, kinds.AEXPR_BETWEEN_SYM}:
            operator, pairs = ">=", [(node.lexpr, node.rexpr[0])]
        if kind in {kinds.AEXPR_NOT_DISTINCT, kinds.AEXPR_DISTINCT}:
            operator, positive = EQUAL, positive == (kind == kinds.AEXPR_NOT_DISTINCT)
        for left, right in pairs:
            values = self._values(right, block)
            self._compare(
                self.value(left, block) if left else NOTHING, values, operator, block, positive=positive
            )

    def _values(self, node: Any, block: Block) -> Term:
        if isinstance(node, tuple | list):
            return _all(self.value(item, block) for item in node)
        return self.value(node, block)

    def _compare(self, left: Term, right: Term, operator: str, block: Block, *, positive: bool) -> None:
        if operator in {"<>", "!~~", "!~~*"}:
            operator, positive = EQUAL, not positive
        if operator in LISTS:
            left, right = many(left), many(right)
        if operator in CONTAINS:
            for a in left.refs:
                for b in right.refs:
                    self.found.link(a, b)
            self._tie(left, right, positive=positive)
            self._tie(right, left, positive=positive)
        for mine, other, sign in ((left, right, operator), (right, left, _MIRROR.get(operator, operator))):
            for literal in other.literals:
                self._note(mine, EQUAL if sign in CONTAINS else sign, literal, block, positive=positive)
            if other.now:
                self._note(mine, sign, NOW, block, positive=positive)

    def _tie(self, term: Term, other: Term, *, positive: bool) -> None:
        if positive:
            self.found.tied += [(ref, claim) for ref in term.refs for claim in other.claims if claim]

    def _note(self, term: Term, operator: str, value: str, block: Block, *, positive: bool) -> None:
        self.found.compared += [Comparison(ref, operator, value, positive, block.number) for ref in term.refs]

    def value(self, node: Any, block: Block) -> Term:
        """Read something that has a value."""
        read = _VALUES.get(type(node))
        if read:
            return read(self, node, block)
        if is_a(node, ast.BoolExpr, ast.NullTest, ast.BooleanTest):
            self.condition(node, block, positive=True)
        return NOTHING

    def operator(self, node: Any, block: Block) -> Term:
        """Read an operator: a step into JSON, a comparison, or arithmetic."""
        operator = node.name[-1].sval
        if node.kind == enums.A_Expr_Kind.AEXPR_NULLIF:
            return self.value(node.lexpr, block)
        if operator in JSON_STEPS:
            return step_into(self.value(node.lexpr, block), self.value(node.rexpr, block).literals)
        if operator == "||":
            # What a text begins with says whose it is: auth.uid() || '/avatar.png'.
            self.value(node.rexpr, block)
            return Term(claims=self.value(node.lexpr, block).claims)
        if operator in _MIRROR or operator in CONTAINS or node.kind != enums.A_Expr_Kind.AEXPR_OP:
            self._comparison(node, block, positive=True)
            return NOTHING
        left = self.value(node.lexpr, block) if node.lexpr else NOTHING
        return Term(now=left.now or self._values(node.rexpr, block).now)

    def call(self, node: Any, block: Block) -> Term:
        """Read a call: of the platform's, or of the project's, to be read in its turn."""
        names = [name.sval for name in node.funcname]
        schema, name = (names[-2] if len(names) > 1 else None), names[-1]
        arguments = [self.value(item, block) for item in node.args or ()]
        function = self.names.function(schema, name, len(arguments))
        known = None if function and schema not in PLATFORM else read_known(schema, name, arguments)
        if known is not None or function is None:
            return known or NOTHING
        self.found.calls[self.names.source].add(function)
        for number, (argument, term) in enumerate(zip(node.args or (), arguments, strict=True), 1):
            given = argument.name if is_a(argument, ast.NamedArgExpr) else str(number)
            self.found.flow(Place(CALL + function, given), term)
        return Term((Ref(Place(CALL + function, "result")),))

    def index(self, node: Any, block: Block) -> Term:
        """Read an element: of an array it is the array, of a path it is that folder."""
        inner = self.value(node.arg, block)
        steps = [item.uidx.val.ival for item in node.indirection if _is_number(item)]
        if not steps:
            return inner
        refs = (
            ref._replace(place=ref.place._replace(name=f"{ref.place.name}{steps[0]}"))
            if ref.place.name.endswith("/")
            else ref
            for ref in inner.refs
        )
        return Term(tuple(refs), inner.claims)


_MIRROR = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "<>": "<>"}


def _is_number(item: Any) -> bool:
    return is_a(item, ast.A_Indices) and is_a(item.uidx, ast.A_Const) and is_a(item.uidx.val, ast.Integer)


def _constant(_: Reader, node: Any, __: Block) -> Term:
    value = node.val
    if is_a(value, ast.String):
        return Term(literals=(value.sval,))
    if is_a(value, ast.Boolean):
        return Term(literals=("true" if value.boolval else "false",))
    if is_a(value, ast.Integer):
        return Term(literals=(str(value.ival),))
    return Term(literals=(value.fval,)) if is_a(value, ast.Float) else NOTHING


def _cast(reader: Reader, node: Any, block: Block) -> Term:
    term = reader.value(node.arg, block)
    text = term.literals[0] if len(term.literals) == 1 and not term.refs else ""
    is_array = node.typeName.arrayBounds or (text.startswith("{") and text.endswith("}"))
    if text and is_array:
        return Term(literals=tuple(part.strip().strip('"') for part in text.strip("{}").split(",") if part))
    return term


def _parameter(reader: Reader, node: Any, _: Block) -> Term:
    return Term((Ref(Place(CALL + reader.names.source, str(node.number))),))


def _all(terms: Iterable[Term]) -> Term:
    found = NOTHING
    for term in terms:
        found |= term
    return found


def _last(fields: tuple[Any, ...]) -> str:
    return fields[-1].sval if is_a(fields[-1], ast.String) else "?"


def _walk(reader: Reader, nodes: Iterable[Any], block: Block) -> Iterator[Term]:
    return (reader.value(node, block) for node in nodes)


_VALUES: Mapping[type, Callable[[Reader, Any, Block], Term]] = {
    ast.A_Const: _constant,
    ast.TypeCast: _cast,
    ast.ParamRef: _parameter,
    ast.ColumnRef: lambda reader, node, block: reader.names.reference(node, block),
    ast.FuncCall: Reader.call,
    ast.A_Expr: Reader.operator,
    ast.A_Indirection: Reader.index,
    ast.CaseExpr: Reader.case,
    ast.NamedArgExpr: lambda reader, node, block: reader.value(node.arg, block),
    ast.CoalesceExpr: lambda reader, node, block: _all(_walk(reader, node.args, block)),
    ast.A_ArrayExpr: lambda reader, node, block: _all(_walk(reader, node.elements or (), block)),
    ast.RowExpr: lambda reader, node, block: _all(_walk(reader, node.args or (), block)),
    ast.SubLink: lambda reader, node, block: reader.sublink(node, block, positive=True),
    ast.SQLValueFunction: lambda *_: Term(now=True),
}
