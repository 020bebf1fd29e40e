"""How long the access matrix takes: schemas of 50 to 1,000 tables, two worlds, everyone, every command."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.databases import IMAGE, NO_CONTAINER, embedded
from bench.timing import Figure
from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.access.proving import measure_worlds
from shipworthy.probes.postgres.access.schema import read_schema
from shipworthy.probes.postgres.access.worlds import build_worlds
from shipworthy.probes.postgres.container import remove_containers
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch, open_scratch

SIZES = (50, 100, 200, 500, 1000)
RUN = "bench"
_TENANCY = """
create table public.organizations (id uuid primary key default gen_random_uuid(), name text not null);
create table public.members (
  organization_id uuid references public.organizations (id) on delete cascade,
  user_id uuid references auth.users (id) on delete cascade,
  role text not null default 'member' check (role in ('owner', 'member')),
  primary key (organization_id, user_id)
);
create schema private;
grant usage on schema private to authenticated;
create function private.is_member(org uuid) returns boolean
language sql stable security definer set search_path = ''
as 'select exists (
  select from public.members m where m.organization_id = org and m.user_id = (select auth.uid()))';
alter table public.organizations enable row level security;
alter table public.members enable row level security;
create policy reads on public.organizations for select to authenticated using (private.is_member(id));
create policy reads on public.members for select to authenticated using (private.is_member(organization_id));
"""
_TABLE = """
create table public.t{n} (
  id bigint generated always as identity primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  title text not null,
  amount integer not null default 0,
  created_at timestamptz not null default now()
);
alter table public.t{n} enable row level security;
create policy reads on public.t{n} for select to authenticated using (private.is_member(organization_id));
create policy adds on public.t{n} for insert to authenticated with check (private.is_member(organization_id));
create policy changes on public.t{n} for update to authenticated using (private.is_member(organization_id));
create policy removes on public.t{n} for delete to authenticated using (private.is_member(organization_id));
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured matrix."""

    tables: int
    cells: int
    seconds: float
    building_s: float


def measure(samples: int) -> Iterator[Figure]:
    """Measure on an embedded server and, where an engine is there, in a container."""
    with embedded() as server:
        yield from _figures(server, samples, "embedded Postgres", SIZES)
    try:
        server = open_scratch("container", image=IMAGE, run=RUN, folder=Path())
        yield from _figures(server, samples, IMAGE, (500,))
    except ProbeError as error:
        NO_CONTAINER.append(f"the access matrix in a container ({error})")
    finally:
        remove_containers(RUN)


def _figures(server: ScratchServer, samples: int, where: str, sizes: tuple[int, ...]) -> Iterator[Figure]:
    seen: list[Sample] = []
    for tables in sizes:
        of_size = [_once(server, tables) for _ in range(samples)]
        seen += of_size
        times, cells = tuple(one.seconds for one in of_size), of_size[0].cells
        aim = "≤ 10 s" if tables == 500 else ""
        yield Figure(
            f"access matrix of {tables:,} tables", times, aim=aim, remark=f"{cells:,} cells, {where}"
        )
    rates = tuple(one.cells / one.seconds for one in seen)
    yield Figure("access cells", rates, aim="≥ 10,000/s", remark=where, unit="cells/s")
    building = tuple(one.building_s for one in seen if one.tables == 500)
    yield Figure("two worlds of 500 tables", building, remark=where)
    if len(sizes) > 1:
        fit = statistics.linear_regression([s.tables for s in seen], [s.seconds for s in seen])
        fitted = statistics.correlation([s.tables for s in seen], [s.seconds for s in seen]) ** 2
        remark = f"{fit.intercept:.2f} s + {fit.slope * 1000:.1f} ms a table, R² = {fitted:.3f}, {where}"
        yield Figure("access matrix, each further table", (fit.slope * 1000,), remark=remark, unit="ms")


def _once(server: ScratchServer, tables: int) -> Sample:
    def fill(dsn: str) -> None:
        with connect_scratch(dsn) as connection:
            connection.execute(_TENANCY.encode())
            for n in range(tables):
                connection.execute(_TABLE.format(n=n).encode())

    dsn = server.clone(server.template(f"matrix_{tables}", fill, base=server.platform()))
    with connect_scratch(dsn) as connection:
        schema = read_schema(connection, ["public"])
        begun = time.perf_counter()
        worlds = build_worlds(connection, schema)
        built = time.perf_counter()
    matrix = measure_worlds(server, dsn, schema, worlds)
    seconds = time.perf_counter() - built
    server.drop(dsn)
    return Sample(tables, len(matrix.cells), seconds, built - begun)
