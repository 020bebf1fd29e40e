"""How to make a change without keeping anyone waiting, by the kind of statement.

Source of the ways: the PostgreSQL documentation of ``create index`` (building indexes concurrently),
``alter table`` (notes on ``not valid``, ``using index`` and ``set not null``) and of explicit locking.
"""

from __future__ import annotations

from typing import Any

from pglast import ast, enums

from shipworthy.probes.postgres.upgrade.trees import (
    adds_required_column,
    commands_of,
    constraints_of,
    node_of,
)

ALONE = (
    "move {later} into a migration file of its own, after this one: the lock on {table} then ends before it;"
    " begin this file with `set local lock_timeout = '2s'`"
)
BATCHES = (
    "change {table} some 1,000 rows at a time, each batch in a transaction of its own (a job, or a procedure"
    " that commits), before the migration that relies on it"
)
_Kind = enums.AlterTableType
_Constraint = enums.ConstrType


def remedy_of(sql: str, table: str) -> str:
    """Say how to write a statement so that nobody waits for it."""
    node = node_of(sql)
    if isinstance(node, ast.IndexStmt):
        unique = "unique " if node.unique else ""
        return (
            f"`create {unique}index concurrently {node.idxname or ''}`, alone in a migration file of its own"
        )
    if isinstance(node, ast.AlterTableStmt):
        return _alter(sql, table)
    if isinstance(node, ast.RefreshMatViewStmt):
        return f"`refresh materialized view concurrently {table}`, which needs a unique index on it"
    if isinstance(node, (ast.UpdateStmt, ast.DeleteStmt, ast.DoStmt, ast.CallStmt)):
        return BATCHES.format(table=table)
    return "split the change so that no statement works through the table under a lock"


def mend(sqlstate: str, sql: str) -> str:
    """Say how to write a statement that rows broke."""
    if adds_required_column(sql):
        return (
            "give the column a constant default, or add it without `not null`, fill it, and demand `not null`"
            " in a later migration"
        )
    ways = {
        "23502": "`update` the rows that have none before the column may not be null",
        "23503": "remove or repair the rows that point nowhere before the foreign key is added",
        "23505": "merge or remove the doubles before the unique rule is added",
        "23514": "repair the rows that the rule forbids before it is added, or add it with `not valid`",
        "57014": "split the statement: it takes too long on the bounded rows of the copy already",
        "55P03": "wait for no lock: split the statement, or apply it where nothing else runs",
    }
    if sqlstate.startswith("22"):
        return "repair the values that cannot be converted first, or say in `using` what becomes of them"
    return ways.get(sqlstate, "correct the statement so that it applies to what is deployed")


def _alter(sql: str, table: str) -> str:
    for command in commands_of(sql):
        if command.subtype == _Kind.AT_AlterColumnType:
            return (
                f"add a column of the new type to {table}, keep it filled by a trigger, fill the old rows in"
                f" batches, and let a later migration put it in the place of {command.name}"
            )
        if command.subtype == _Kind.AT_SetNotNull:
            name = f"{command.name}_present"
            return (
                f"`alter table {table} add constraint {name} check ({command.name} is not null) not valid`;"
                f" in a next migration `validate constraint {name}`, then `set not null` (no scan) and drop"
                f" {name}"
            )
    for constraint in constraints_of(sql):
        remedy = _constraint(constraint, table)
        if remedy:
            return remedy
    if any(command.subtype == _Kind.AT_AddColumn for command in commands_of(sql)):
        return (
            f"add the column to {table} without a default and without `not null`, `set default` next, fill"
            " the old rows in batches, and demand `not null` in a later migration"
        )
    return "put the change into steps of which none writes or reads the whole table under a lock"


def _constraint(constraint: Any, table: str) -> str:
    name = constraint.conname or "NAME"
    if constraint.contype in {_Constraint.CONSTR_CHECK, _Constraint.CONSTR_FOREIGN}:
        return (
            f"add {name} with `not valid`; in a next migration file `alter table {table} validate"
            f" constraint {name}`, which lets readers and writers go on"
        )
    if constraint.contype in {_Constraint.CONSTR_UNIQUE, _Constraint.CONSTR_PRIMARY}:
        kind = "unique" if constraint.contype == _Constraint.CONSTR_UNIQUE else "primary key"
        return (
            f"`create unique index concurrently {name}`, alone in a migration file; in the next one `alter"
            f" table {table} add constraint {name} {kind} using index {name}`"
        )
    return ""
