"""Which applied migrations left nothing behind: recorded, and none of what they make is there.

Only what a statement names is counted, and only what the project still makes in the end: what a
later migration drops is missing everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pglast import ast, enums

from shipworthy.probes.postgres.catalogue import Catalogue, Fact
from shipworthy.probes.postgres.project import Migration
from shipworthy.probes.postgres.statements import split_statements

RELATIONS = ("table", "view", "sequence", "type")
"""Kinds of the catalogue whose names share one space."""


@dataclass(frozen=True, slots=True)
class Effectless:
    """A migration that is recorded as applied, and the objects of it that should be there."""

    migration: Migration
    missing: tuple[str, ...]
    """``kind name``, as in the catalogue."""


def without_effect(
    migrations: Iterable[Migration], applied: Container[str], project: Catalogue, live: Catalogue
) -> Iterator[Effectless]:
    """Find the applied migrations of whose objects not one is on live.

    Args:
        migrations: of the project.
        applied: the versions that live has recorded.
        project: the catalogue that all migrations make.
        live: the catalogue of the deployed database.

    """
    facts = _by_plain_name(project)
    for migration in migrations:
        if migration.version not in applied:
            continue
        made = [fact for wanted in made_by(migration) for fact in facts.get(wanted, ())]
        if made and not any(fact in live for fact in made):
            yield Effectless(migration, tuple(" ".join(fact) for fact in dict.fromkeys(made)))


def made_by(migration: Migration) -> list[Fact]:
    """Name what a migration makes, as kind and name without quotes; functions without their arguments."""
    nodes = (statement.node for statement in split_statements(migration.sql))
    return [fact for node in nodes if type(node) in MAKERS for fact in MAKERS[type(node)](node)]


def _by_plain_name(catalogue: Catalogue) -> dict[Fact, list[Fact]]:
    found: dict[Fact, list[Fact]] = {}
    for kind, name in catalogue:
        plain = name.replace('"', "")
        key = kind, plain.partition("(")[0] if kind == "function" else plain
        found.setdefault(key, []).append((kind, name))
    return found


def _added(node: Any) -> Iterator[Fact]:
    table = _qualified(node.relation)
    for command in node.cmds or ():
        if command.subtype == enums.AlterTableType.AT_AddColumn:
            yield "column", f"{table}.{command.def_.colname}"
        elif command.subtype == enums.AlterTableType.AT_AddConstraint and command.def_.conname:
            yield "constraint", f"{table}.{command.def_.conname}"


def _relation(name: str) -> list[Fact]:
    return [(kind, name) for kind in RELATIONS]


def _on(kind: str, relation: Any, name: str | None) -> list[Fact]:
    return [(kind, f"{_qualified(relation)}.{name}")] if name else []


def _qualified(relation: Any) -> str:
    return f"{relation.schemaname or 'public'}.{relation.relname}"


def _named(parts: Iterable[Any]) -> str:
    names = [part.sval for part in parts]
    return ".".join(names if len(names) > 1 else ["public", *names])


MAKERS: dict[type, Callable[[Any], Iterable[Fact]]] = {
    ast.AlterTableStmt: _added,
    ast.CompositeTypeStmt: lambda node: _relation(_qualified(node.typevar)),
    ast.CreateDomainStmt: lambda node: _relation(_named(node.domainname)),
    ast.CreateEnumStmt: lambda node: _relation(_named(node.typeName)),
    ast.CreateForeignTableStmt: lambda node: _relation(_qualified(node.base.relation)),
    ast.CreateFunctionStmt: lambda node: [("function", _named(node.funcname))],
    ast.CreatePolicyStmt: lambda node: _on("policy", node.table, node.policy_name),
    ast.CreateRangeStmt: lambda node: _relation(_named(node.typeName)),
    ast.CreateSchemaStmt: lambda node: [("schema", node.schemaname)] if node.schemaname else [],
    ast.CreateSeqStmt: lambda node: _relation(_qualified(node.sequence)),
    ast.CreateStmt: lambda node: _relation(_qualified(node.relation)),
    ast.CreateTableAsStmt: lambda node: _relation(_qualified(node.into.rel)),
    ast.CreateTrigStmt: lambda node: _on("trigger", node.relation, node.trigname),
    ast.IndexStmt: lambda node: _on("index", node.relation, node.idxname),
    ast.ViewStmt: lambda node: _relation(_qualified(node.view)),
}
"""What each kind of statement makes."""
