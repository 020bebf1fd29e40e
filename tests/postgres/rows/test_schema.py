"""The schema that rows are made for is read as it is."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from shipworthy.probes.postgres.access.schema import Schema, Table, read_schema

Connection = psycopg.Connection[Any]
SQL = """
create schema "Other";
create type mood as enum ('bad', 'fine');
create domain short as varchar(20) not null check (length(value) > 2);
create domain shorter as short default 'abc' check (length(value) < 10);
create type pair as (x integer, y shorter[]);
create table parent (
  id bigint generated always as identity primary key,
  code text unique nulls not distinct
);
create table "Odd ""One" (
  id uuid primary key default gen_random_uuid(),
  parent_id bigint not null references parent on delete cascade deferrable initially deferred,
  name shorter,
  moods mood[],
  pairing pair,
  price numeric(10, 2) check (price > 0),
  upper_name text generated always as (upper(name)) stored,
  span tstzrange,
  exclude using gist (span with &&)
);
alter table "Odd ""One" add constraint named check (price < 10 or name is null) not valid;
create unique index by_lower on "Odd ""One" (lower(name)) where price > 1;
alter table "Odd ""One" enable row level security, force row level security;
create policy "see own" on "Odd ""One" as restrictive
  for select to anon, authenticated using (id = auth.uid());
create function touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touching before insert or update on "Odd ""One"
  for each row execute function touch();
alter table "Odd ""One" disable trigger touching;
create table "Other".events (at date, kind text) partition by range (at);
create table "Other".events_26 partition of "Other".events
  for values from ('2026-01-01') to ('2027-01-01') partition by list (kind);
create table "Other".events_26_a partition of "Other".events_26 for values in ('a');
create view seen with (security_invoker) as select id from parent;
create materialized view kept as select 1 as one;
create temporary table passing (a int);
"""
ODD = 'public."Odd ""One"'


@pytest.fixture
def schema(empty: Connection) -> Schema:
    empty.execute(SQL.encode())
    return read_schema(empty, ["public"])


@pytest.fixture
def odd(schema: Schema) -> Table:
    return schema.tables[ODD]


def test_relations_are_the_projects_and_the_platforms_that_rows_hang_on(schema: Schema) -> None:
    assert set(schema.tables) == {
        "auth.identities", "auth.users", "storage.buckets", "storage.objects", "public.parent", ODD,
        '"Other".events', '"Other".events_26', '"Other".events_26_a',
    }  # fmt: skip
    assert {name: view.kind for name, view in schema.views.items()} == {
        "public.seen": "view",
        "public.kept": "materialized view",
    }
    assert [name for name, table in schema.relations.items() if table.exposed] == [
        ODD, "public.kept", "public.parent", "public.seen",
    ]  # fmt: skip
    assert schema.views["public.seen"].options == ("security_invoker=true",)


def test_types_are_seen_through_domains(odd: Table) -> None:
    name, both = odd.by_name["name"].type, odd.by_name["pairing"].type

    assert (name.text, name.plain, name.base, name.sizes) == (
        "public.shorter", "character varying(20)", "varchar", (20,),
    )  # fmt: skip
    assert [domain.name for domain in name.domains] == ["public.shorter", "public.short"]
    assert [check.expression for domain in name.domains for check in domain.checks] == [
        "((length((VALUE)::text) < 10))",
        "((length((VALUE)::text) > 2))",
    ]
    assert odd.by_name["name"].not_null
    assert odd.by_name["name"].default == "'abc'::character varying"
    assert odd.by_name["moods"].type.element is not None
    assert odd.by_name["moods"].type.element.labels == ("bad", "fine")
    assert [(field, kind.text) for field, kind in both.fields] == [
        ("x", "integer"),
        ("y", "public.shorter[]"),
    ]
    assert odd.by_name["span"].type.subtype is not None
    assert odd.by_name["span"].type.subtype.base == "timestamptz"


def test_columns_say_how_they_are_filled(schema: Schema, odd: Table) -> None:
    assert odd.by_name["id"].default == "gen_random_uuid()"
    assert odd.by_name["upper_name"].generated
    assert schema.tables["public.parent"].by_name["id"].identity == "always"
    assert odd.primary_key == ("id",)


def test_constraints_name_their_columns(schema: Schema, odd: Table) -> None:
    checks = {check.name: (check.columns, check.validated) for check in odd.checks}
    keys = {key.name: key for key in odd.keys}
    (reference,) = odd.references

    assert checks == {"named": (("price", "name"), False), '"Odd ""One_price_check"': (("price",), True)}
    assert [exclusion.columns for exclusion in odd.exclusions] == [("span",)]
    assert keys["by_lower"].columns == ("name", "price")
    assert keys["by_lower"].expressions
    assert keys["by_lower"].predicate == "(price > (1)::numeric)"
    assert not keys["by_lower"].primary
    assert [key.nulls_distinct for key in schema.tables["public.parent"].keys] == [True, False]
    assert (reference.columns, reference.target, reference.target_columns, reference.deferrable) == (
        ("parent_id",), "public.parent", ("id",), True,
    )  # fmt: skip


def test_policies_and_triggers_are_named_with_what_they_do(odd: Table) -> None:
    (policy,), (trigger,) = odd.policies, odd.triggers

    assert (odd.rls, odd.rls_forced) == (True, True)
    assert (policy.name, policy.command, policy.permissive) == ("see own", "select", False)
    assert sorted(policy.roles) == ["anon", "authenticated"]
    assert policy.using == "(id = auth.uid())"
    assert (trigger.function, trigger.timing, trigger.events, trigger.enabled) == (
        "public.touch", "before", ("insert", "update"), False,
    )  # fmt: skip


def test_partitions_lead_to_those_that_hold_rows(schema: Schema) -> None:
    leaf = schema.tables['"Other".events_26_a']

    assert schema.partitions == {
        '"Other".events': ('"Other".events_26_a',),
        '"Other".events_26': ('"Other".events_26_a',),
    }
    assert leaf.bounds is not None
    assert "2026-01-01" in leaf.bounds.expression
    assert "'a'::text" in leaf.bounds.expression
    assert schema.tables['"Other".events'].partition_key == "RANGE (at)"


def test_the_callers_search_path_stays(empty: Connection) -> None:
    empty.execute("set search_path = extensions, public")

    read_schema(empty, ["public"])

    assert empty.execute("show search_path").fetchone() == ("extensions, public",)
