"""What is sent to a scratch server in the place of a statement that only the platform can run.

An extension that the server lacks is stood in for where that is harmless. A role that an earlier
rehearsal made stays: roles belong to the whole server, and every clone is migrated on the same one.
"""

from __future__ import annotations

import re
from typing import Any

from pglast import ast, enums
from psycopg.sql import SQL, Identifier

from shipworthy.probes.postgres.bootstrap import Connection, stand_in_for
from shipworthy.probes.postgres.catalogue import PLATFORM_ROLES
from shipworthy.probes.postgres.statements import Statement, split_statements

CONCERNED = re.compile(
    r"do\b|(?:create|alter|drop)\s+extension\b|comment\s+on\s+extension\b|create\s+(?:role|user|group)\s",
    re.IGNORECASE,
)
IN_BLOCK = re.compile(
    r"(?P<quote>')?(?P<statement>create\s+extension\s+(?:if\s+not\s+exists\s+)?\"?(?P<name>[\w-]+)\"?[^;']*)",
    re.IGNORECASE,
)
"""A statement of a block's body, or of a text that it executes."""
API_ROLES = frozenset({"anon", "authenticated", "service_role", "authenticator"})
NOTHING = "select"
USUAL_SCHEMA = "extensions"


class Substitutes:
    """Gives the SQL to send for each statement of a project on one database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stand_ins: dict[str, str | None] = {}
        self._roles: frozenset[str] | None = None
        self._made: set[str] = set()

    def of(self, statement: Statement) -> tuple[str, ...]:
        """Give what to send; the statement itself, nearly always."""
        if not CONCERNED.match(statement.text):
            return (statement.sql,)
        node: Any = statement.node
        if isinstance(node, ast.DoStmt):
            return self._block(statement.sql)
        if isinstance(node, ast.CreateRoleStmt):
            if node.role in self._kept():
                return (NOTHING,)
            self._made.add(str(node.role))
            return (statement.sql,)
        if isinstance(node, ast.CreateExtensionStmt):
            return self._extension(statement.sql, node)
        about = _extension_of(node)
        other = about and (self._stand_in(about) is not None or isinstance(node, ast.AlterExtensionStmt))
        return (NOTHING,) if other else (statement.sql,)

    def _extension(self, sql: str, node: Any) -> tuple[str, ...]:
        stand_in = self._stand_in(str(node.extname))
        return (self._in_our_version(node) or sql,) if stand_in is None else _filled(stand_in, node)

    def _block(self, sql: str) -> tuple[str, ...]:
        """Take the extensions that are stood in for out of a block, and put their stand-ins before it."""
        before: list[str] = []

        def replaced(found: re.Match[str]) -> str:
            stand_in = self._stand_in(found["name"])
            if stand_in is None:
                return found[0]
            before.extend(_filled(stand_in, split_statements(found["statement"])[0].node))
            return "'select 1" if found["quote"] else "null"

        changed = IN_BLOCK.sub(replaced, sql)
        return (*before, changed)

    def _in_our_version(self, node: Any) -> str | None:
        """Ask for an extension without the version that it names, where the server has another one."""
        named = _option(node, "new_version")
        if named is None:
            return None
        rows = self._connection.execute(
            "select version from pg_available_extension_versions where name = %s", [node.extname]
        ).fetchall()
        if not rows or (named,) in rows:
            return None
        schema = _option(node, "schema")
        within = SQL(" with schema {}").format(Identifier(schema)) if schema else SQL("")
        return (
            SQL("create extension if not exists {}{} cascade")
            .format(Identifier(node.extname), within)
            .as_string()
        )

    def look_again(self, made: frozenset[str]) -> None:
        """Read the roles anew, after another rehearsal on this server was faster.

        Args:
            made: the roles that this one made itself; made twice, they are an error.

        """
        self._roles = self._read_roles() - made
        self._made = set(made)

    @property
    def made(self) -> frozenset[str]:
        """Name the roles that were sent to be made."""
        return frozenset(self._made)

    def _kept(self) -> frozenset[str]:
        """Name the roles of earlier rehearsals: what is there before the first role is made."""
        if self._roles is None:
            self._roles = self._read_roles()
        return self._roles

    def _read_roles(self) -> frozenset[str]:
        rows = self._connection.execute("select rolname from pg_catalog.pg_roles").fetchall()
        return frozenset(row[0] for row in rows) - {*PLATFORM_ROLES, *API_ROLES}

    def _stand_in(self, extension: str) -> str | None:
        if extension not in self._stand_ins:
            self._stand_ins[extension] = stand_in_for(self._connection, extension)
        return self._stand_ins[extension]


def _filled(stand_in: str, node: Any) -> tuple[str, ...]:
    """Put a stand-in into the schema that the statement names, as Postgres does with real scripts."""
    schema = Identifier(_option(node, "schema") or USUAL_SCHEMA).as_string()
    text = stand_in.replace("@extschema@", schema)
    return tuple(statement.sql for statement in split_statements(text))


def _option(node: Any, name: str) -> str | None:
    return next((str(option.arg.sval) for option in node.options or () if option.defname == name), None)


def _extension_of(node: Any) -> str | None:
    """Name the extension that a statement comments on, alters or drops."""
    if isinstance(node, ast.AlterExtensionStmt):
        return str(node.extname)
    kind = (
        getattr(node, "objtype", None)
        or getattr(node, "objectType", None)
        or getattr(node, "removeType", None)
    )
    if kind != enums.ObjectType.OBJECT_EXTENSION:
        return None
    dropped = isinstance(node, ast.DropStmt)
    name = node.objects[0] if dropped and node.objects else getattr(node, "object", None)
    return str(name.sval) if name is not None else None
