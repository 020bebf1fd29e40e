"""What the caller gives stands in the row, and what cannot be is said."""

from __future__ import annotations

from typing import Any

import psycopg

from shipworthy.probes.postgres.access.rows import Unmakeable

from .made import MakerOf, made

Connection = psycopg.Connection[Any]


def test_a_tree_may_begin_with_itself(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table node (
          id uuid primary key default gen_random_uuid(), parent uuid not null references node, a text
        );
        create table counted (
          id int generated always as identity primary key, parent int not null references counted
        );
    """)

    for table in ("node", "counted"):
        row = made(maker.insert(f"public.{table}", {}, "token1"))
        assert row.values["parent"] == row.values["id"]


def test_a_missing_reference_is_named(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table a (id uuid primary key);
        create table b (a_id uuid not null references a, note text);
    """)

    free, wrong = maker.insert("public.b", {}, "t1"), maker.insert("public.b", {"a_id": "f" * 32}, "t2")

    assert free == Unmakeable("public.b", "a_id must refer to a row of public.a, and none was given")
    assert isinstance(wrong, Unmakeable)
    assert "refers to a row of public.a that is not there" in wrong.reason


def test_of_several_references_those_are_left_empty_that_a_check_excludes(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table a (id int primary key);
        create table b (id int primary key);
        create table c (a_id int references a, b_id int references b, check (num_nonnulls(a_id, b_id) = 1));
    """)
    fixed = {f"{name}_id": made(maker.insert(f"public.{name}", {}, "t1")).values["id"] for name in ("a", "b")}

    row = made(maker.insert("public.c", fixed, "t2"))

    assert sum(value is not None for value in row.values.values()) == 1
    assert maker.lifted == ()


def test_a_row_that_is_there_already_is_given(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table settings (owner uuid primary key, theme text not null default 'dark');
        insert into settings values ('00000000-0000-0000-0000-00000000000a', 'light');
    """)

    row = made(maker.insert("public.settings", {"owner": "00000000-0000-0000-0000-00000000000a"}, "token1"))

    assert row.existing
    assert row.values["theme"] == "light"


def test_views_foreign_tables_and_strangers_are_refused_in_words(maker_of: MakerOf) -> None:
    maker = maker_of("create table t (a text); create view v as select * from t")

    results = [
        maker.insert("public.v", {}, "t"),
        maker.insert("public.x", {}, "t"),
        maker.insert("public.t", {"b": "1"}, "t"),
    ]

    assert [getattr(result, "reason", "") for result in results] == [
        "there is no table public.v", "there is no table public.x", "it has no column b",
    ]  # fmt: skip


def test_a_given_value_that_its_check_does_not_know_gives_way(maker_of: MakerOf) -> None:
    maker = maker_of("create table t (kind text not null check (kind in ('a', 'b')), note text)")

    known, unknown = (made(maker.insert("public.t", {"kind": kind}, "token1")) for kind in ("b", "nonsense"))

    assert known.values["kind"] == "b"
    assert unknown.values["kind"] in {"a", "b"}
    assert maker.lifted == ()


def test_a_given_value_of_another_type_is_named_and_costs_nothing(maker_of: MakerOf) -> None:
    maker = maker_of("""
        create table t (a uuid, note text);
        create function touch() returns trigger language plpgsql as 'begin return new; end';
        create trigger touching before insert on t for each row execute function touch();
    """)

    wrong, right = (
        maker.insert("public.t", {"a": "no uuid"}, "token1"),
        maker.insert("public.t", {}, "token2"),
    )

    assert isinstance(wrong, Unmakeable)
    assert wrong.reason.startswith("a cannot be what it was given")
    assert made(right).values["note"] == "token2"
    assert maker.lifted == ()
