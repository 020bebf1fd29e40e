"""Makes attempts on the server: thousands of statements as others, each rolled back, for one round trip."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.personas import SEARCH_PATH, Persona

PAUSE_S = 0.2
FUNCTION = Path(__file__).with_name("runner.sql")
CANCELLED, ENDED = "57014", "57P01"
UNANSWERED = (CANCELLED, ENDED)
"""What has no answer: it ran out of time, or it ended the session or the server."""
HANGS = 3
"""So many statements of one batch may have no answer before the rest is not tried any more."""
BACK_S = 20
"""So long the server may take to answer again after a statement that ended it, in seconds."""
SETTINGS = {
    "jit": "off",
    "standard_conforming_strings": "on",
    "lc_messages": "C",
    "client_min_messages": "error",
    "search_path": SEARCH_PATH,
}
QUERY = """
select state, message, context, affected, seen, took_ms
from pg_temp.shipworthy_attempt(
  %s::json, %s::json, %s::json,
  %s::int[], %s::int[], %s::bool[], %s::bool[], %s::bool[], %s::int[], %s::int[], %s::int[])
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One statement that someone tries, and how its effect is looked at."""

    persona: Persona
    statement: str
    reads: bool = False
    """It gives one ``text[]``: what it saw."""
    look: str = ""
    """Run afterwards, where rows were written; gives one ``text[]``."""
    always: bool = False
    """It is looked at even where the statement says that it wrote no row."""
    look_as: Persona | None = None
    """Who looks; the owner where None."""
    before: str = ""
    """Run first, as the owner and without triggers; only where the runner can be quiet."""
    quiet: bool = False
    """Triggers and foreign keys are off, so that only privileges and policies decide."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt."""

    state: str
    """The SQLSTATE; empty where it went through."""
    message: str
    context: str
    """The innermost place where an error arose: ``PL/pgSQL function … line 3 at RAISE``."""
    affected: int
    """Rows that the statement says it wrote, or gave."""
    seen: frozenset[str]
    """What the statement or the look after it gave."""

    @property
    def said(self) -> str:
        """The SQLSTATE with the server's words."""
        return f"{self.state} {self.message}".strip()


class Runner:
    """Makes attempts on one connection; every one of them is rolled back.

    The session's settings change for as long as the runner is open.

    Args:
        connection: to a disposable database, as its owner; in autocommit mode, outside a transaction.
        attempt_s: longest time for one attempt, in seconds.

    """

    def __init__(self, connection: psycopg.Connection[Any], *, attempt_s: float = 2.0) -> None:
        self._given = self._connection = connection
        self._attempt_s = attempt_s
        self.quiet = self._may_be_quiet()
        """Triggers can be switched off here."""
        self._why = CANCELLED
        """Why the last batch gave no row at all."""

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The session in use: another one after a statement that ended the last."""
        return self._connection

    def __enter__(self) -> Self:
        self._prepare()
        return self

    def _prepare(self) -> None:
        timeout = f"{round(self._attempt_s * 1000)}ms"
        settings = SETTINGS | {"statement_timeout": timeout, "lock_timeout": timeout}
        self._connection.execute("drop function if exists pg_temp.shipworthy_attempt")
        self._connection.execute(FUNCTION.read_text(encoding="utf-8").encode())
        for name, text in settings.items():
            self._connection.execute("select set_config(%s, %s, false)", [name, text])

    def __exit__(self, *exc: object) -> None:
        if self._connection is not self._given:
            self._connection.close()
        elif not self._connection.broken:
            for name in (*SETTINGS, "statement_timeout", "lock_timeout"):
                self._connection.execute(f"reset {name}".encode())

    def run(self, attempts: Sequence[Attempt]) -> list[Answer]:
        """Make attempts in order; one answer each.

        An attempt that runs out of time has the SQLSTATE 57014, and so have, after a few of them, all
        that follow. One that ends the session has 57P01; the next are made in a new one.

        Raises:
            ProbeError: the server went away and did not come back.

        """
        answers: list[Answer] = []
        hung, most = 0, len(attempts)
        while len(answers) < len(attempts):
            rest = attempts[len(answers) :][:most]
            if hung >= HANGS:
                return answers + [_not_tried(hung)] * (len(attempts) - len(answers))
            rows = self._call(rest)
            if not rows and len(rest) > 1:
                most = len(rest) // 2
                continue
            rows = rows or [(self._why, "", "", 0, None, self._attempt_s * 1000)]
            last = rows[-1]
            if last[0] == ENDED:
                hung, most = hung + 1, len(attempts)
            elif last[0] == CANCELLED and last[5] < self._attempt_s * 900 and len(rows) > 1:
                rows.pop()  # the timeout of the whole batch hit one that had just begun
            elif last[0] == CANCELLED:
                hung += 1
            answers += [_answer(row, self._attempt_s) for row in rows]
        return answers

    def _call(self, attempts: Sequence[Attempt]) -> list[tuple[Any, ...]]:
        """Give a row for each attempt up to one that runs out of time; none where that was between two."""
        people: dict[str, int] = {}
        texts: dict[str, int] = {}
        looks: dict[str, int] = {}
        columns = [
            (
                _number(people, a.persona.name),
                _number(texts, a.statement),
                int(a.reads),
                int(a.quiet and self.quiet),
                int(a.always),
                _number(looks, a.before) if a.before and self.quiet else 0,
                _number(looks, a.look) if a.look else 0,
                _number(people, a.look_as.name) if a.look_as else 0,
            )
            for a in attempts
        ]
        known = {p.name: p for a in attempts for p in (a.persona, a.look_as) if p}
        lists = ([_identity(known[name]) for name in people], list(texts), list(looks))
        values = [*map(json.dumps, lists), *(_array(column) for column in zip(*columns, strict=True))]
        try:
            return self._connection.execute(QUERY, values).fetchall()
        except psycopg.errors.QueryCanceled:
            self._why = CANCELLED
            return []
        except psycopg.Error as error:
            if self._connection.broken and self._begin_again():
                self._why = ENDED
                return []
            raise ProbeError(f"attempts could not be made on the scratch database: {error}") from error

    def _begin_again(self) -> bool:
        """Open another session where the last one was ended; tell whether the server is there."""
        info = self._connection.info
        given: dict[str, Any] = info.get_parameters() | {
            "password": info.password,
            "host": info.host,
            "port": info.port,
        }
        until = time.monotonic() + BACK_S
        while time.monotonic() < until:
            try:
                self._connection = psycopg.connect(make_conninfo("", **given), autocommit=True)
                self._prepare()
            except psycopg.Error:
                time.sleep(PAUSE_S)
            else:
                return True
        return False

    def _may_be_quiet(self) -> bool:
        """Tell whether triggers can be switched off here: Supabase's owner may, others perhaps not."""
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute("set local session_replication_role = 'replica'")
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


def _number(known: dict[str, int], item: str) -> int:
    """Give the place of an item in a list that counts from one."""
    return known.setdefault(item, len(known) + 1)


def _identity(persona: Persona) -> tuple[str, str, str]:
    return persona.role or "none", persona.claims, str(persona.user) if persona.user else ""


def _array(numbers: Iterable[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


def _answer(row: tuple[Any, ...], attempt_s: float) -> Answer:
    state, message, context, affected, seen, _took = row
    if state == CANCELLED:
        message = f"it ran for more than {attempt_s:g} s"
    elif state == ENDED:
        message = "it ended the session"
    return Answer(
        state, message, context, affected, frozenset(text for text in seen or () if text is not None)
    )


def _not_tried(hung: int) -> Answer:
    said = f"not tried, because {hung} others at the same place ran out of time, or ended the session"
    return Answer(CANCELLED, said, "", 0, frozenset())
