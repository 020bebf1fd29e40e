"""How long it takes to read everything that a large database is made of, and to compare it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.databases import embedded
from bench.timing import Figure
from shipworthy.probes.postgres.catalogue import Catalogue, read_catalogue
from shipworthy.probes.postgres.drift import compare
from shipworthy.probes.postgres.scratch import connect_scratch

TABLES = 1000
_TABLE = """
create table public.t{n} (
  id bigint generated always as identity primary key,
  owner uuid not null references auth.users (id),
  parent bigint references public.t{parent} (id),
  name text not null check (length(name) > 0),
  kind text,
  amount numeric(10, 2) default 0,
  tags text[],
  meta jsonb not null default '{{}}',
  created_at timestamptz not null default now(),
  updated_at timestamptz
);
create index on public.t{n} (owner);
create index on public.t{n} (kind) where kind is not null;
alter table public.t{n} enable row level security;
create policy reads on public.t{n} for select to authenticated using (owner = (select auth.uid()));
create policy adds on public.t{n} for insert to authenticated with check (owner = (select auth.uid()));
create trigger touch before update on public.t{n} for each row execute function public.touch();
"""
_FIFTH = """
create view public.v{n} with (security_invoker = true) as select id, name from public.t{n} where amount > 0;
create function public.f{n}(a integer) returns integer language sql as 'select a';
"""


def measure(samples: int) -> Iterator[Figure]:
    """Read the catalogue of a database of a thousand tables, and compare two of them."""
    with embedded() as server:
        dsn = server.clone(server.template("thousand", _fill, base=server.platform()))
        with connect_scratch(dsn) as connection:
            connection.execute("set search_path = ''")
            reading: list[float] = []
            for _ in range(samples):
                begun = time.perf_counter()
                facts = read_catalogue(connection, surroundings=True)
                reading.append(time.perf_counter() - begun)
    remark = f"{len(facts):,} facts, embedded Postgres"
    yield Figure(f"catalogue of {TABLES:,} tables", tuple(reading), aim="≤ 2 s", remark=remark)
    comparing: list[float] = []
    for _ in range(samples):
        begun = time.perf_counter()
        differences = compare(facts, _without_a_column(facts))
        comparing.append(time.perf_counter() - begun)
    if len(differences) != 1:
        raise RuntimeError(f"one column differs, and {len(differences)} differences were found")
    yield Figure(f"comparing two catalogues of {TABLES:,} tables", tuple(comparing), remark=remark)


def _fill(dsn: str) -> None:
    with connect_scratch(dsn) as connection:
        connection.execute(
            "create function public.touch() returns trigger language plpgsql as 'begin return new; end'"
        )
        for n in range(TABLES):
            more = _FIFTH if n % 5 == 0 else ""
            connection.execute((_TABLE + more).format(n=n, parent=max(n - 1, 0)).encode())


def _without_a_column(facts: Catalogue) -> Catalogue:
    kept = {fact: text for fact, text in facts.items() if fact != ("column", "public.t500.meta")}
    return Catalogue(kept, facts.parents)
