"""A disposable Postgres server: databases made from templates, used once, dropped."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.bootstrap import Connection, bootstrap
from shipworthy.probes.postgres.container import start_container
from shipworthy.probes.postgres.embedded import EmbeddedServer, free_port

CONNECT_S = 10
KINDS = ("container", "embedded")


@dataclass(frozen=True, slots=True)
class ScratchServer:
    """A server of the gate's own.

    Its databases carry the run in their names, so that any process can clear them away. Every
    process of a run has its own object of this class, from the same three texts.
    """

    admin: str
    """DSN of a superuser; the database that it names is left alone."""
    owner: str
    """The role that owns what is made: ``postgres``, as on Supabase, wherever it can."""
    run: str

    @property
    def prefix(self) -> str:
        """How the names of all its databases begin."""
        return f"shipworthy_{self.run}_"

    def dsn(self, database: str) -> str:
        """Give the DSN of one database, as its owner."""
        return self._dsn(database, self.owner)

    def platform(self, *, auto_expose: bool = True) -> str:
        """Give the template that has what Supabase provides and nothing of the project.

        Args:
            auto_expose: which of the platform's two defaults: see ``bootstrap``.

        """
        name = "platform" if auto_expose else "platform_explicit"
        return self.template(name, lambda dsn: self._bootstrap(dsn, auto_expose=auto_expose))

    def template(self, name: str, fill: Callable[[str], None], base: str | None = None) -> str:
        """Give the database that clones of this name are copied from; made by whoever comes first.

        Args:
            name: of the template, within the run.
            fill: is given the DSN of a new database and leaves in it what the template shall have.
            base: the template that the new database is a copy of; an empty one where None.

        Raises:
            ProbeError: the server does not answer.
            Exception: what ``fill`` raises; nothing is kept then.

        """
        database, partial = f"{self.prefix}{name}", f"{self.prefix}{name}_partial"
        with self._session() as admin:
            admin.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [database])
            if not admin.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
                self._drop(admin, partial)
                self._create(admin, partial, base)
                fill(self.dsn(partial))
                # Its name comes last: what was not finished is never taken for what was.
                finish = SQL("alter database {} allow_connections false; alter database {} rename to {}")
                admin.execute(finish.format(*map(Identifier, (partial, partial, database))))
        return database

    def clone(self, template: str) -> str:
        """Copy a template into a database of its own; gives its DSN, as the owner."""
        database = f"{self.prefix}{uuid.uuid4().hex[:12]}"
        with self._session() as admin:
            self._create(admin, database, template)
        return self.dsn(database)

    def drop(self, dsn: str) -> None:
        """Drop a database of the run, also from under whoever is connected to it."""
        with self._session() as admin:
            self._drop(admin, _database(dsn))

    def drop_all(self) -> list[str]:
        """Drop every database of the run; gives their names."""
        with self._session() as admin:
            rows = admin.execute(
                "select datname from pg_database where starts_with(datname, %s) order by 1", [self.prefix]
            ).fetchall()
            for row in rows:
                self._drop(admin, row[0])
        return [row[0] for row in rows]

    def _bootstrap(self, dsn: str, *, auto_expose: bool) -> None:
        with self._session(_database(dsn)) as connection:
            bootstrap(connection, auto_expose=auto_expose)

    def _create(self, admin: Connection, database: str, template: str | None) -> None:
        # Not template1: what an administrator put there is no part of a Supabase project.
        source = SQL("template {}").format(Identifier(template or "template0"))
        encoding = SQL("" if template else "encoding 'UTF8'")
        statement = SQL("create database {} owner {} {} {}")
        admin.execute(statement.format(Identifier(database), Identifier(self.owner), source, encoding))

    def _drop(self, admin: Connection, database: str) -> None:
        if not database.startswith(self.prefix):
            raise ProbeError(f"{database} is no scratch database of run {self.run}: it stays")
        admin.execute(SQL("drop database if exists {} with (force)").format(Identifier(database)))

    @contextmanager
    def _session(self, database: str | None = None) -> Iterator[Connection]:
        dsn = self._dsn(database) if database else self.admin
        with connect_scratch(dsn) as connection:
            yield connection

    def _dsn(self, database: str, user: str | None = None) -> str:
        parts = urlsplit(self.admin)
        credentials, _, place = parts.netloc.rpartition("@")
        name, colon, password = credentials.partition(":")
        user = quote(user, safe="") if user else name
        return parts._replace(netloc=f"{user}{colon}{password}@{place}", path=f"/{quote(database)}").geturl()


def open_scratch(kind: str, *, image: str, run: str, folder: Path) -> ScratchServer:
    """Give a scratch server that answers.

    Args:
        kind: ``container``, ``embedded``, or the DSN of a disposable server, as a URL.
        image: for ``container``.
        run: the run's id.
        folder: for ``embedded``: where its data lies.

    Raises:
        ProbeError: it cannot be had; the message says what to do.

    """
    if kind == "embedded":
        return ScratchServer(_start_embedded(folder).dsn(), "postgres", run)
    if kind == "container":
        server = start_container(image, run=run, password=secrets.token_urlsafe(18))
        return ScratchServer(server.dsn(), "postgres", run)
    return _given(kind, run)


@contextmanager
def connect_scratch(dsn: str) -> Iterator[Connection]:
    """Connect in autocommit mode.

    Raises:
        ProbeError: the server does not answer.

    """
    try:
        connection = psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_S)
    except psycopg.OperationalError as error:
        raise ProbeError(f"the scratch server does not answer: {str(error).splitlines()[0]}") from error
    with connection:
        yield connection


def _start_embedded(folder: Path, tries: int = 3) -> EmbeddedServer:
    """Start on a free port; another process may take it in between, so more than once."""
    server = EmbeddedServer(folder, free_port(), secrets.token_urlsafe(18), durable=False)
    try:
        server.start()
    except ProbeError:
        server.remove()
        if tries == 1:
            raise
        return _start_embedded(folder, tries - 1)
    return server


def _given(dsn: str, run: str) -> ScratchServer:
    parts = urlsplit(dsn)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.username:
        wanted = ", ".join(KINDS)
        raise ProbeError(
            f"database.scratch is none of {wanted}, nor postgresql://user:password@host/database"
        )
    with connect_scratch(dsn) as connection:
        row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    if not (row and row[0]):
        raise ProbeError(
            f"{parts.username} is no superuser of the scratch server; name one in database.scratch"
        )
    return ScratchServer(dsn, parts.username, run)


def _database(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")
