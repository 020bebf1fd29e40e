"""For any schema a row is made, or it is said why not: Hypothesis makes the schemas."""

from __future__ import annotations

from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipworthy.probes.postgres.access.rows import Made, RowMaker, Unmakeable, Wanted
from shipworthy.probes.postgres.access.schema import read_schema

Connection = psycopg.Connection[Any]
MOST_BYTES = 63

NUMBERS = ("smallint", "integer", "bigint", "numeric(8,2)", "double precision")
TEXTS = ("text", "varchar(12)", "char(4)", "name")
OTHERS = (
    "uuid",
    "boolean",
    "date",
    "timestamptz",
    "interval",
    "jsonb",
    "bytea",
    "inet",
    "int4range",
    "text[]",
    "bit(5)",
)
UNIQUE = {*NUMBERS, *TEXTS, "uuid", "date", "timestamptz", "int4range"}

names = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: len(name.encode()) <= MOST_BYTES)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@st.composite
def number_checks(draw: st.DrawFn, column: str) -> str:
    low, high = sorted(draw(st.tuples(*[st.integers(-300, 300)] * 2)))
    return draw(
        st.sampled_from(
            [
                f"{column} > {low}",
                f"{column} between {low} and {high}",
                f"{column} in ({low}, {high})",
                f"abs({column}) < {abs(high) + 1}",
                f"{column} <> {low}",
                f"{column} < {low} and {column} > {high}",
            ]
        )
    )


@st.composite
def text_checks(draw: st.DrawFn, column: str) -> str:
    size = draw(st.integers(0, 14))
    words = draw(st.lists(st.text("abcXYZ'-_ %9", min_size=0, max_size=4), min_size=1, max_size=3))
    return draw(
        st.sampled_from(
            [
                f"length({column}) >= {size}",
                f"char_length({column}) <= {size}",
                f"{column} in ({', '.join(map(literal, words))})",
                f"{column} like {literal(words[0] + '%')}",
                f"{column} ~ '^[a-z]{{1,{size + 1}}}$'",
                f"{column} ~* '^[[:alpha:]][^ ]*\\d?$'",
                f"{column} = upper({column})",
                f"{column} !~ {literal('[0-9]{' + str(size + 1) + '}')}",
                f"btrim({column}) <> ''",
            ]
        )
    )


@st.composite
def columns(draw: st.DrawFn, name: str) -> str:
    kind = draw(st.sampled_from([*NUMBERS, *TEXTS, *OTHERS, "a_domain", "an_enum", "a_pair"]))
    parts = [quoted(name), kind]
    if draw(st.booleans()):
        parts.append("not null")
    if kind in UNIQUE and draw(st.integers(0, 3)) == 0:
        parts.append("unique")
    checks = number_checks if kind in NUMBERS else text_checks if kind in TEXTS else None
    if checks:
        parts += [f"check ({check})" for check in draw(st.lists(checks(quoted(name)), max_size=2))]
    if kind in NUMBERS and draw(st.integers(0, 4)) == 0:
        parts.append("default 7")
    return " ".join(parts)


@st.composite
def schemas(draw: st.DrawFn) -> str:
    """Give the statements that make one table, and what it needs."""
    table = f"public.{quoted(draw(names))}"
    labels = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    kind, checks = draw(st.sampled_from([("integer", number_checks), ("text", text_checks)]))
    domain = draw(checks("value"))
    named = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    body = [draw(columns(name)) for name in named]
    if len(named) > 1 and draw(st.booleans()):
        first, second = map(quoted, named[:2])
        body.append(
            f"check (num_nonnulls({first}, {second}) {draw(st.sampled_from(['= 1', '> 0', '<> 1']))})"
        )
    if len(named) > 2 and draw(st.booleans()):
        body.append(f"unique ({quoted(named[0])}, {quoted(named[2])})")
    partition = draw(st.sampled_from(["", "", "", "list", "hash", "none"]))
    statements = [
        f"create type an_enum as enum ({', '.join(map(literal, labels))})",
        f"create domain a_domain as {kind} check ({domain})",
        "create type a_pair as (x int, y text)",
    ]
    if partition:
        body = [part.replace(" unique", "") for part in body if not part.startswith("unique")]
        method = "list" if partition == "none" else partition
        body.append("part integer")
        statements.append(f"create table {table} ({', '.join(body)}) partition by {method} (part)")
        bounds = {"list": "in (3, 5)", "hash": "with (modulus 3, remainder 1)"}.get(partition)
        if bounds:
            statements.append(f"create table a_partition partition of {table} for values {bounds}")
    else:
        statements.append(f"create table {table} ({', '.join(body)})")
    return ";\n".join(statements)


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schemas())
def test_a_row_is_made_or_it_is_said_why_not(platform: Connection, statements: str) -> None:
    with platform.transaction(force_rollback=True):
        try:
            with platform.transaction():
                platform.execute(statements.encode())
        except psycopg.Error:
            return  # Postgres refuses the schema itself: a name it has, a type it cannot compare
        # Names are as the server quotes them.
        found = read_schema(platform, ["public"])
        named = next(
            name
            for name in found.tables
            if not name.startswith(("auth.", "storage.")) and not found.tables[name].bounds
        )
        maker = RowMaker(platform, found)

        results = maker.insert_many(named, [Wanted({}, f"token{number}x") for number in range(3)])

        count = platform.execute(f"select count(*) from {named}".encode()).fetchone()
        made = [result for result in results if isinstance(result, Made) and not result.existing]
        assert count == (len(made),)
        assert all(isinstance(result, Made) or result.reason for result in results)
        for result in results:
            if isinstance(result, Unmakeable):
                assert "partition" in result.reason or "SQLSTATE" in result.reason
