"""Schemas that fight back: each row is made, or it is said why not; nothing crashes and nothing hangs."""

from __future__ import annotations

from typing import Any

import psycopg

from shipworthy.probes.postgres.access.rows import Unmakeable, Wanted

from .made import MakerOf, made

Connection = psycopg.Connection[Any]


TYPES = """
bool; bytea; "char"; name; int8; int2; int4; text; oid; json; point; lseg; path; box; polygon; line;
cidr; float4; float8; circle; macaddr8; money; macaddr; inet; bpchar; char(3); varchar(2); date;
time(2); timestamp(0); timestamptz; interval; timetz; bit(7); bit; varbit(5); numeric; numeric(4,4);
numeric(3,-2); numeric(30,10); uuid; pg_lsn; tsvector; tsquery; jsonb; jsonpath; int4range;
numrange; tsrange; tstzrange; daterange; int8range; int4multirange; datemultirange; regclass;
regtype; xid8; tid; pg_snapshot; extensions.vector(3); extensions.halfvec(4);
extensions.sparsevec(5); text[]; int[][]; jsonb[]; varchar(3)[]; int4range[]; interval day to
second(3)
"""


def test_partitions_of_partitions_take_rows(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table list (region text, n int, note text) partition by list (region);
        create table list_eu partition of list for values in ('de', 'fr') partition by range (n);
        create table list_eu_low partition of list_eu for values from (100) to (200);
        create table by_hash (id uuid not null, note text) partition by hash (id);
        create table by_hash_0 partition of by_hash for values with (modulus 4, remainder 2);
        create table by_month (at timestamptz not null default now(), note text) partition by range (at);
        create table by_month_old partition of by_month for values from ('2021-01-01') to ('2021-02-01');
        create table by_two (a int, b date, note text) partition by range (a, b);
        create table by_two_1 partition of by_two for values from (5, '2020-01-01') to (5, '2020-02-01');
        create table nowhere (a int) partition by range (a);
    """)

    row = made(maker.insert("public.list", {}, "token1"))
    assert row.values == {"region": row.values["region"], "n": row.values["n"], "note": "token1"}
    assert made(maker.insert("public.list_eu_low", {}, "token2")).values["region"] in {"de", "fr"}
    for table in ("by_hash", "by_month", "by_two"):
        wanted = [Wanted({}, f"token{number}") for number in range(4)]
        for result in maker.insert_many(f"public.{table}", wanted):
            made(result)
    assert maker.lifted == ()
    nowhere = maker.insert("public.nowhere", {}, "token9")
    assert isinstance(nowhere, Unmakeable)
    assert "no partition" in nowhere.reason


def test_sixteen_hundred_columns_make_a_row(maker_of: MakerOf) -> None:
    columns = ", ".join(f'"Spalte {number} äöü" text' for number in range(1600))
    maker = maker_of(f"create table wide ({columns})")

    row = made(maker.insert("public.wide", {}, "token1"))

    assert len(row.values) == 1600
    assert sum(value == "token1" for value in row.values.values()) >= 100


def test_names_of_all_kinds_are_taken(maker_of: MakerOf) -> None:
    long = "ü" * 31
    maker = maker_of(f"""
        create schema "Mein Schema";
        create table "Mein Schema"."{long}" (
          "select" text check ("select" ~ '^[a-z]+$'), "a""b" int unique, "%s" text
        );
    """)

    name = f'"Mein Schema"."{long}"'
    row = made(maker.insert(name, {'"%s"': "given"}, "token1"))

    assert row.values['"%s"'] == "given"
    assert row.values['"a""b"'] is not None
    assert maker.lifted == ()


def test_a_refused_row_leaves_the_callers_transaction_alive(maker_of: MakerOf, space: Connection) -> None:
    maker = maker_of(
        """
        create table t (a int not null check (a > 0));
        create table kid (t_id int not null references nothing_yet);
    """.replace("references nothing_yet", "check (t_id > 0 and t_id < 0)"),
    )

    with space.transaction():
        space.execute("set local statement_timeout = '7s'")
        made(maker.insert("public.t", {}, "t1"))
        made(maker.insert("public.kid", {}, "t2"))
        timeout = space.execute("show statement_timeout").fetchone()

    assert timeout == ("7s",)


def test_every_type_of_postgres_has_a_value(maker_of: MakerOf) -> None:
    kinds = TYPES.replace("\n", " ").strip().split("; ")
    columns = ", ".join(f"c{number} {kind} not null" for number, kind in enumerate(kinds))
    maker = maker_of(f"create extension vector with schema extensions; create table t ({columns})")

    for row in maker.insert_many("public.t", [Wanted({}, "token1"), Wanted({}, "token2")]):
        assert None not in made(row).values.values()
    assert maker.lifted == ()
