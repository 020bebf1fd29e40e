"""Whether deployed rows break a pending statement: counting queries, asked of live, that never give a row.

What a statement demands of rows stands in the statement; nobody needs to run it on live to know whether
the rows there fulfil it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from pglast import ast, enums
from pglast.stream import RawStream

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.migrate import MigrationError
from shipworthy.probes.postgres.project import Migration
from shipworthy.probes.postgres.session import read_only_session
from shipworthy.probes.postgres.statements import split_statements
from shipworthy.probes.postgres.upgrade.model import Place, Refusal
from shipworthy.probes.postgres.upgrade.trees import adds_required_column, commands_of, node_of

ASK_S = 20.0
DATA, INTEGRITY = "22", "23"
"""Classes of SQLSTATE that are about the rows and not about the statement."""
UNCONVERTIBLE = "22P02"
_TEXTS = "('text', 'character varying', 'character', 'citext', 'extensions.citext')"
_WRITES = (
    *(ast.DeleteStmt, ast.UpdateStmt, ast.InsertStmt, ast.MergeStmt, ast.TruncateStmt),
    *(ast.DoStmt, ast.CallStmt, ast.SelectStmt),
)


@dataclass(frozen=True, slots=True)
class Question:
    """How many rows of a table break what a statement demands."""

    sqlstate: str
    """What the server says of such rows."""
    table: str
    """Its bare name."""
    sql: str
    says: str


def questions_of(sql: str) -> Iterator[Question]:
    """Give what can be asked about a statement: unique, not null, check, foreign key, change of type."""
    node = node_of(sql)
    if isinstance(node, ast.IndexStmt) and node.unique:
        keys = [f'"{part.name}"' if part.name else RawStream()(part.expr) for part in node.indexParams or ()]
        where = RawStream()(node.whereClause) if node.whereClause else ""
        yield _doubles(node.relation, keys, where, nulls_equal=bool(node.nulls_not_distinct))
    for command in commands_of(sql):
        made = command.def_
        if command.subtype == enums.AlterTableType.AT_SetNotNull:
            yield _nulls(node.relation, command.name)
        elif command.subtype == enums.AlterTableType.AT_AlterColumnType and _plain(made):
            yield _invalid(node.relation, command.name, RawStream()(made.typeName))
        elif isinstance(made, ast.Constraint) and not made.skip_validation:
            yield from _broken(node.relation, made)


def ask_live(live: str, migrations: Sequence[Migration]) -> tuple[Refusal, ...]:
    """Ask live about every pending statement whose table no statement before it sets right.

    What live does not know yet, or cannot count in time, stays unasked.
    """
    found: list[Refusal] = []
    before: list[str] = []
    for migration in migrations:
        for statement in split_statements(migration.sql):
            place = Place(migration.version, migration.path.name, statement.line, statement.text)
            for question in questions_of(statement.text):
                if not any(question.table in earlier for earlier in before):
                    found += _asked(live, place, question)
            if isinstance(node_of(statement.text), _WRITES):
                before.append(statement.text)
    return tuple(found)


def refusal_of(place: Place, error: MigrationError) -> Refusal:
    """Describe a statement that was refused on the copy."""
    return Refusal(
        place=place,
        sqlstate=error.sqlstate,
        message=error.message,
        detail=error.detail,
        hint=error.hint,
        about_rows=error.sqlstate.startswith((DATA, INTEGRITY)) and not adds_required_column(place.sql),
    )


def with_answer(refusal: Refusal, live: str) -> Refusal:
    """Say of a refused statement how many deployed rows break it, too."""
    for question in questions_of(refusal.place.sql):
        same = question.sqlstate in {refusal.sqlstate, UNCONVERTIBLE if refusal.sqlstate[:2] == DATA else ""}
        count = _count(live, question) if same else None
        if count is not None:
            return replace(refusal, live_rows=count, asked=question.sql)
    return refusal


def are_empty(live: str, tables: Iterable[str]) -> frozenset[str]:
    """Name those of some tables (quoted) that have no row on live; not those that cannot be asked."""
    empty = set()
    for table in tables:
        question = Question("", table, f"select count(*) from (select from {table} limit 1) one", "")  # noqa: S608
        if _count(live, question) == 0:
            empty.add(table)
    return frozenset(empty)


def _asked(live: str, place: Place, question: Question) -> Iterator[Refusal]:
    count = _count(live, question)
    if count:
        yield Refusal(
            place=place, sqlstate=question.sqlstate, message=question.says, detail="", hint="",
            about_rows=True, live_rows=count, asked=question.sql,
        )  # fmt: skip


def _count(live: str, question: Question) -> int | None:
    try:
        with read_only_session(live, statement_s=ASK_S) as connection:
            row = connection.execute(question.sql.encode()).fetchone()
    except (ProbeError, psycopg.Error):
        return None
    return int(row[0]) if row else None


def _broken(relation: Any, constraint: Any) -> Iterator[Question]:
    kind = constraint.contype
    if kind == enums.ConstrType.CONSTR_CHECK:
        rule = RawStream()(constraint.raw_expr)
        yield _question("23514", relation, f"where not ({rule})", "rows that the check forbids")
    if kind in {enums.ConstrType.CONSTR_UNIQUE, enums.ConstrType.CONSTR_PRIMARY} and constraint.keys:
        keys = [_quoted(key) for key in constraint.keys]
        yield _doubles(relation, keys, "", nulls_equal=bool(constraint.nulls_not_distinct))
    if kind == enums.ConstrType.CONSTR_FOREIGN and constraint.pk_attrs:
        own = [_quoted(name) for name in constraint.fk_attrs]
        their = [_quoted(name) for name in constraint.pk_attrs]
        match = " and ".join(f"p.{b} = c.{a}" for a, b in zip(own, their, strict=True))
        present = " and ".join(f"c.{name} is not null" for name in own)
        missing = f"not exists (select from {_name(constraint.pktable)} p where {match})"
        yield _question("23503", relation, f"c where {present} and {missing}", "rows that point nowhere")


def _nulls(relation: Any, column: str) -> Question:
    return _question("23502", relation, f'where "{column}" is null', "rows without a value")


def _invalid(relation: Any, column: str, kind: str) -> Question:
    valid = f'pg_catalog.pg_input_is_valid("{column}"::text, $type${kind}$type$)'
    texts = f'pg_catalog.pg_typeof("{column}")::text in {_TEXTS}'
    return _question(
        UNCONVERTIBLE, relation, f"where {texts} and not {valid}", "values that cannot be converted"
    )


def _doubles(relation: Any, keys: Sequence[str], where: str, *, nulls_equal: bool) -> Question:
    present = [] if nulls_equal else [f"({key}) is not null" for key in keys]
    conditions = " and ".join([*([f"({where})"] if where else []), *present]) or "true"
    groups = f"select from {_name(relation)} where {conditions} group by {', '.join(keys)}"
    sql = f"select count(*) from ({groups} having count(*) > 1) doubles"  # noqa: S608
    return Question("23505", relation.relname, sql, "values that are there more than once")


def _question(sqlstate: str, relation: Any, rest: str, says: str) -> Question:
    return Question(sqlstate, relation.relname, f"select count(*) from {_name(relation)} {rest}", says)  # noqa: S608


def _plain(column: Any) -> bool:
    """Tell whether a change of type is a mere cast: any other `using` may repair what it finds."""
    using = column.raw_default
    return using is None or (isinstance(using, ast.TypeCast) and isinstance(using.arg, ast.ColumnRef))


def _name(relation: Any) -> str:
    return f'"{relation.schemaname or "public"}"."{relation.relname}"'


def _quoted(name: Any) -> str:
    return f'"{name.sval}"'
