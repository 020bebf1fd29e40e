"""One project is the same on every server: what versions and hosting do by themselves is no drift."""

from __future__ import annotations

import secrets

import pytest

from shipworthy.probes.postgres.catalogue import Catalogue, read_catalogue
from shipworthy.probes.postgres.container import remove_containers, start_container
from shipworthy.probes.postgres.deparse import as_since_16
from shipworthy.probes.postgres.drift import compare
from shipworthy.probes.postgres.embedded import EmbeddedServer, free_port
from shipworthy.probes.postgres.migrate import apply_migrations
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch

EVERYTHING = """
create schema shop;
create type shop.size as enum ('small', 'large');
create type shop.box as (width numeric(8, 2), label text);
create type shop.span as range (subtype = timestamptz);
create domain shop.sku as text check (value ~ '^[A-Z]{3}$') not null;
create sequence shop.numbers increment 5;
create table shop.items (
  id bigint generated always as identity primary key,
  legacy serial,
  code shop.sku,
  size shop.size not null default 'small',
  "Straße" varchar(80) collate "C",
  price numeric(10, 2) check (price > 0),
  gross numeric generated always as (price * 1.19) stored,
  tags text[] not null default '{}',
  during shop.span,
  seen timestamptz default now() - interval '1 day',
  constraint no_overlap exclude using gist (during with &&),
  constraint one_code unique nulls not distinct (code, size) deferrable initially deferred
) with (fillfactor = 80);
create table shop.rare (extra jsonb) inherits (shop.items);
alter table shop.items alter column tags set storage external, replica identity full;
create index on shop.items (lower("Straße")) include (price) where price is not null;
create statistics shop.related on size, price from shop.items;
create view shop.cheap with (security_invoker = true, security_barrier = true) as
  select id, "Straße", coalesce(price, 0) as price, seen::date = current_date as today
  from shop.items where price < 10 and exists (select from shop.items o where o.id <> items.id)
  with local check option;
create materialized view shop.counted as select size, count(*) as n from shop.items group by size;
create function shop.total(lowest numeric default 0) returns numeric
  language sql stable strict parallel safe cost 7
  begin atomic select sum(i.price) from shop.items i where i.price >= total.lowest; end;
create function shop.touch() returns trigger language plpgsql security definer set search_path = ''
  as 'begin new.seen := now(); return new; end';
create trigger touched before update of price on shop.items for each row
  when (old.price is distinct from new.price) execute function shop.touch();
create function shop.watch() returns event_trigger language plpgsql as 'begin end';
create event trigger watching on ddl_command_end when tag in ('CREATE TABLE') execute function shop.watch();
create rule kept as on delete to shop.rare do instead nothing;
create aggregate shop.longest (text) (sfunc = textcat, stype = text, initcond = '');
create collation shop.plain from "C";
create text search configuration shop.words (copy = pg_catalog.simple);
alter table shop.items enable row level security;
alter table shop.items force row level security;
create policy "own items" on shop.items as restrictive for update to authenticated, service_role
  using (code = 'ABC' or (select auth.uid()) is not null) with check (price between 1 and 5);
grant usage on schema shop to authenticated;
grant all on all tables in schema shop to authenticated;
grant select (id), update (price) on shop.items to anon with grant option;
grant usage on type shop.size to anon;
alter default privileges in schema shop grant select on tables to anon;
alter default privileges revoke execute on functions from public;
create publication sold for table shop.items (id, price) where (price > 1)
  with (publish = 'insert, update');
do 'begin create role clerk nologin; exception when duplicate_object then null; end';
grant clerk to authenticated;
grant select on shop.items to clerk;
"""


def facts(server: ScratchServer, project) -> Catalogue:
    dsn = server.clone(server.platform())
    with connect_scratch(dsn) as connection:
        apply_migrations(connection, project)
        connection.execute(EVERYTHING.encode())
        connection.execute("set search_path = ''")
        found = read_catalogue(connection, surroundings=True)
    server.drop(dsn)
    return found


@pytest.fixture(scope="module")
def oldest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oldest")
    server = EmbeddedServer(folder / "data", free_port(), secrets.token_urlsafe(), durable=False, oldest=True)
    server.start()
    yield ScratchServer(server.dsn(), "postgres", secrets.token_hex(5))
    server.remove()


@pytest.fixture(scope="module")
def newest_facts(tmp_path_factory, reference_project):
    folder = tmp_path_factory.mktemp("newest")
    server = EmbeddedServer(folder / "data", free_port(), secrets.token_urlsafe(), durable=False)
    server.start()
    yield facts(ScratchServer(server.dsn(), "postgres", secrets.token_hex(5)), reference_project)
    server.remove()


def test_every_kind_of_fact_is_there(newest_facts):
    kinds = {kind for kind, _ in newest_facts}
    assert kinds >= {
        *("schema", "table", "column", "constraint", "index", "view", "contents", "sequence", "function"),
        *("trigger", "rule", "policy", "row level security", "grant", "default privileges", "type"),
        *("publication", "replica identity", "statistics", "collation", "text search", "partitions"),
        *("extension", "extension version", "role", "membership", "role setting"),
    }


def test_the_oldest_and_the_newest_server_make_the_same(oldest, newest_facts, reference_project):
    assert compare(facts(oldest, reference_project), newest_facts) == ()


@pytest.mark.container
def test_a_server_in_a_container_makes_the_same(container_engine, newest_facts, reference_project):
    run = secrets.token_hex(5)
    try:
        server = start_container(container_engine, run=run, password="secret")
        found = facts(ScratchServer(server.dsn(), "postgres", run), reference_project)
        assert compare(found, newest_facts) == ()
    finally:
        remove_containers(run)


BEFORE_16 = {
    """ SELECT t.id,\n    t."Ä"\n   FROM shop.t\n  WHERE (t.id > 0);""":
        """ SELECT id,\n    "Ä"\n   FROM shop.t\n  WHERE (id > 0);""",
    " SELECT x.id FROM shop.t x WHERE (EXISTS ( SELECT FROM shop.u WHERE (u.id = x.id)));":
        " SELECT id FROM shop.t x WHERE (EXISTS ( SELECT FROM shop.u WHERE (u.id = x.id)));",
    " SELECT t.id FROM (shop.t JOIN shop.u ON ((t.id = u.id)));":
        " SELECT t.id FROM (shop.t JOIN shop.u ON ((t.id = u.id)));",
    """ SELECT "My T".id FROM "My T";""": """ SELECT id FROM "My T";""",
    " SELECT t.id FROM shop.t UNION SELECT t.id FROM shop.t;":
        " SELECT t.id FROM shop.t UNION SELECT t.id FROM shop.t;",
    "no query at all": "no query at all",
}  # fmt: skip


@pytest.mark.parametrize(("printed", "wanted"), BEFORE_16.items())
def test_views_of_older_servers_are_read_as_newer_ones_print_them(printed, wanted):
    assert as_since_16(f"view owned by the project\n{printed}") == f"view owned by the project\n{wanted}"
