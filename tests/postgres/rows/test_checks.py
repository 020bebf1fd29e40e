"""Checks as real projects write them: each is satisfied by made rows, and none is lifted."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shipworthy.probes.postgres.access.rows import Made, RowMaker, Wanted
from shipworthy.probes.postgres.access.schema import Schema, read_schema
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch

PREPARATION = """
create domain email as text check (
  value ~ '^[a-zA-Z0-9.!#$%&''*+/=?^_`{|}~-]+@[a-zA-Z0-9-]+(\\.[a-zA-Z0-9-]+)+$'
);
create domain positive as integer check (value > 0);
create domain rating as positive check (value <= 5) not null;
create domain tag as text check (value = lower(value)) check (length(value) between 2 and 20);
create type mood as enum ('bad', 'fine');
create type address as (street text, zip varchar(5), moods mood[]);
create function is_slug(text) returns boolean language plpgsql immutable as
  $$ begin return $1 ~ '^[a-z]+(-[a-z0-9]+)*$' and length($1) < 40; end $$;
create function valid_kind(text) returns boolean language sql immutable as
  $$ select $1 in ('invoice', 'receipt') $$;
"""

CHECKS: dict[str, str] = tomllib.loads(Path(__file__).with_name("checks.toml").read_text(encoding="utf-8"))
CARRYING = {
    "an email",
    "a slug",
    "a handle",
    "a url",
    "a host",
    "no spaces",
    "a long text",
    "an object",
    "a prefixed id",
}


@pytest.fixture(scope="module")
def checked(scratch: ScratchServer) -> Iterator[tuple[RowMaker, Schema, dict[str, str]]]:
    dsn = scratch.clone(scratch.platform())
    with connect_scratch(dsn) as connection:
        connection.execute(PREPARATION.encode())
        tables = {name: f"public.t{number}" for number, name in enumerate(CHECKS)}
        for name, table in tables.items():
            connection.execute(f"create table {table} ({CHECKS[name]})".encode())
        schema = read_schema(connection, ["public"])
        yield RowMaker(connection, schema), schema, tables
    scratch.drop(dsn)


@pytest.mark.parametrize("name", CHECKS)
def test_rows_satisfy(name: str, checked: tuple[RowMaker, Schema, dict[str, str]]) -> None:
    maker, _, tables = checked
    before = maker.lifted

    made = maker.insert_many(tables[name], [Wanted({}, f"tok{number}en7Kq") for number in range(3)])

    assert [row for row in made if not isinstance(row, Made)] == []
    assert maker.lifted == before
    if name in CARRYING:
        for number, row in enumerate(made):
            assert isinstance(row, Made)
            assert any(f"tok{number}en7kq" in str(value).lower() for value in row.values.values()), row


def test_a_column_is_filled_wherever_its_checks_allow_it(
    checked: tuple[RowMaker, Schema, dict[str, str]],
) -> None:
    maker, _, tables = checked

    made = maker.insert(tables["at least one"], {}, "token9")

    assert isinstance(made, Made)
    assert made.values == {"a": "token9", "b": "token9"}


def test_a_given_value_decides_over_the_others(checked: tuple[RowMaker, Schema, dict[str, str]]) -> None:
    maker, _, tables = checked
    table = tables["a detail by kind"]

    x, y = (maker.insert(table, {"kind": kind}, "token9") for kind in ("x", "y"))

    assert isinstance(x, Made)
    assert isinstance(y, Made)
    assert (x.values["a"], x.values["b"]) == ("token9", None)
    assert y.values["a"] is None
    assert y.values["b"] is not None
    assert not any(lifted.table == table for lifted in maker.lifted)


def test_a_template_overrides_what_would_be_made(empty: psycopg.Connection[Any]) -> None:
    empty.execute("create table t (a text, b int)")
    schema = read_schema(empty, ["public"])
    maker = RowMaker(empty, schema, {"public.t": {"a": "upper('given')"}})

    made = maker.insert("public.t", {}, "token9")

    assert isinstance(made, Made)
    assert made.values["a"] == "GIVEN"
