"""Puts wished rows into their tables, and takes over those that triggers or migrations made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Literal

from shipworthy.probes.postgres.access.checks import holds
from shipworthy.probes.postgres.access.freezing import Tags, read_rows
from shipworthy.probes.postgres.access.model import Lifted
from shipworthy.probes.postgres.access.people import ADMIN, BOTH, Person, person
from shipworthy.probes.postgres.access.placing import NoParentError, Placed, Placing, Population, Spot, Values
from shipworthy.probes.postgres.access.rows import Made, RowMaker, Unmakeable, Wanted
from shipworthy.probes.postgres.access.schema import Table
from shipworthy.probes.postgres.access.wishes import Wish

Connection = psycopg.Connection[Any]


class Settling:
    """Makes the rows of one table after another."""

    def __init__(
        self, connection: Connection, maker: RowMaker, population: Population, placing: Placing, tags: Tags
    ) -> None:
        self._connection, self._maker = connection, maker
        self._population, self._placing, self._tags = population, placing, tags
        self.passing: list[Placed] = []
        """Rows that go again when everything is there."""
        self.lifted: list[Lifted] = []
        self.both = True
        """Nothing has yet forbidden someone to be a member of both worlds."""

    def settle(self, table: Table, wishes: Iterable[Wish]) -> None:
        """Make the rows of a table."""
        free = self._adopt(table)
        left: list[tuple[Wish, Values, str]] = []
        for wish in wishes:
            token = Wish.token()
            try:
                values = self._placing.fixed(table, wish.spot)
            except NoParentError as error:
                self._placing.missing.setdefault(table.name, str(error))
                continue
            others = self._placing.others(table, wish.spot)
            if others and not holds(self._connection, table, values):
                values |= others
            left.append((wish, values, token))
        if not left or (free and all(not w.spot.world for w, _, _ in left) and not left[0][0].special):
            return
        for someone, part in _by_caller(table, left):
            with self._as(someone):
                made = self._maker.insert_many(table.name, [Wanted(v, token) for _, v, token in part])
            for (wish, values, token), result in zip(part, made, strict=True):
                self._note(table, wish, values, token, result)

    def update(self, table: Table, row: Placed, values: Mapping[str, str | None]) -> bool:
        """Change a row; gives whether that was possible."""
        changes = {column: value for column, value in values.items() if row.values.get(column) != value}
        if not changes:
            return True
        assignments = (SQL("{} = {}").format(SQL(c), Literal(v)) for c, v in changes.items())
        statement = SQL("update {} set {} where {}").format(
            SQL(table.name), SQL(", ").join(assignments), _where(table, row)
        )
        done = self.forced(table, statement)
        if done:
            row.values.update(changes)
        return done

    def remove(self, table: Table, row: Placed) -> bool:
        """Delete a row; gives whether that was possible."""
        return self.forced(table, SQL("delete from {} where {}").format(SQL(table.name), _where(table, row)))

    def forced(self, table: Table, statement: Composed) -> bool:
        """Run a statement; where a trigger refuses it, without triggers."""
        refusal = self._tried(statement)
        if refusal is None:
            return True
        if self._tried(SQL("set local session_replication_role = replica"), statement) is not None:
            return False
        self._connection.execute("set local session_replication_role = origin")
        self.lifted.append(Lifted(table.name, "all", "trigger", f"for one statement: {refusal}"))
        return True

    def possible(self, table: str, values: Mapping[str, str | None]) -> bool:
        """Tell whether a row can be put into a table as it is, without doing so."""
        columns = SQL(", ").join(map(SQL, values))
        statement = SQL("insert into {} ({}) values ({})").format(
            SQL(table), columns, SQL(", ").join(map(Literal, values.values()))
        )
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(statement)
        except psycopg.Error:
            return False
        return True

    def _tried(self, *statements: SQL | Composed) -> str | None:
        try:
            with self._connection.transaction():
                for statement in statements:
                    self._connection.execute(statement)
        except psycopg.Error as error:
            return str(error).splitlines()[0]
        return None

    def _adopt(self, table: Table) -> list[Placed]:
        """Take over the rows that are there already; gives those that no wish has claimed."""
        free = []
        for _, values in read_rows(self._connection, [table]).get(table.name, ()):
            known = self._population.has(table.name, values, table.primary_key)
            row = None if known else self._tags.adopt(table, values)
            if row:
                self._population.add(row)
                free.append(row)
        return free

    def _note(self, table: Table, wish: Wish, values: Values, token: str, made: Made | Unmakeable) -> None:
        if isinstance(made, Unmakeable):
            others = self._placing.others(table, wish.spot)
            if others and values != {**values, **others}:
                values = {**values, **others}
                with self._as(wish.spot.person):
                    made = self._maker.insert(table.name, values, token)
        if isinstance(made, Unmakeable):
            self._placing.missing.setdefault(table.name, made.reason)
            if wish.spot.person == BOTH:
                self.both = False
            return
        row = Placed(table.name, wish.spot.world, wish.spot.person, dict(made.values), token, made.existing)
        if made.existing:
            self._claim_existing(table, wish, values, row)
            return
        self._add(table, wish, row)
        if table.triggers:
            self._correct(table, wish, row)

    def _add(self, table: Table, wish: Wish, row: Placed) -> None:
        if wish.passing:
            self.passing.append(row)
        else:
            self._population.add(row)
            self._placing.note_open(table, row)

    def _claim_existing(self, table: Table, wish: Wish, values: Values, row: Placed) -> None:
        """Make of a row that was there what was wished for, unless it is someone else's."""
        known = self._population.has(table.name, row.values, table.primary_key)
        if known and (known.person != wish.spot.person or known.world not in {"", wish.spot.world}):
            # Of the other world, or someone else's.
            self.both = self.both and wish.spot.person != BOTH
            reason = "its unique keys let no second row stand beside the first"
            self._placing.missing.setdefault(table.name, reason)
            return
        if known and not known.adopted:
            return
        key = {*table.primary_key}
        wanted = {c: v for c, v in values.items() if c not in key and (v is not None or c in wish.special)}
        self.update(table, known or row, wanted)
        if known:
            self._population.by_table[table.name].remove(known)
            known.world = wish.spot.world
        self._add(table, wish, known or row)

    def _correct(self, table: Table, wish: Wish, row: Placed) -> None:
        """Put back what a trigger made of the values that policies compare."""
        other = {c: v for c, v in wish.special.items() if not _alike(row.values.get(c), v)}
        if other and self._tried(SQL("set local session_replication_role = replica")) is None:
            self.update(table, row, other)
            self._connection.execute("set local session_replication_role = origin")
            names = ", ".join(other)
            self.lifted.append(
                Lifted(table.name, "all", "trigger", f"they change {names}, which policies compare")
            )

    @contextmanager
    def _as(self, someone: Person | None) -> Iterator[None]:
        """Let defaults and triggers that ask for the caller find one."""
        if not someone:
            yield
            return
        claims = {"sub": someone.id, "role": "authenticated", "email": someone.email}
        setting = "select set_config('request.jwt.claims', %s, true)"
        self._connection.execute(setting, [json.dumps(claims)])
        yield
        self._connection.execute(setting, [""])


def _alike(seen: str | None, wanted: str | None) -> bool:
    """Tell whether a value is what was asked for, however the server writes it."""
    if seen is None or wanted is None:
        return seen == wanted
    return seen == wanted or seen[:16] == wanted[:16] or (seen in {"t", "f"} and seen == wanted[:1])


def _by_caller(
    table: Table, wanted: list[tuple[Wish, Values, str]]
) -> Iterator[tuple[Person | None, list[tuple[Wish, Values, str]]]]:
    """Group rows by who makes them, where the table minds."""
    asks = ("auth.", "request.jwt")
    minds = bool(table.triggers) or any(a in (c.default or "") for c in table.columns for a in asks)
    groups: dict[Person | None, list[tuple[Wish, Values, str]]] = {}
    for item in wanted:
        groups.setdefault(_caller(item[0].spot) if minds else None, []).append(item)
    yield from groups.items()


def _caller(spot: Spot) -> Person | None:
    if not spot.world:
        return None
    return spot.person if spot.person and spot.person.world else person(ADMIN, spot.world)


def _where(table: Table, row: Placed) -> Composed:
    """Say which row, by its key; without one by all that it holds."""
    columns = table.primary_key or tuple(row.values)
    same = SQL("{}::text is not distinct from {}")
    return SQL(" and ").join(same.format(SQL(c), Literal(row.values.get(c))) for c in columns)
