"""How long it takes to make rows for every table of a large database."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.databases import embedded
from bench.timing import Figure
from shipworthy.probes.postgres.access.rows import Made, RowMaker, Wanted
from shipworthy.probes.postgres.access.schema import read_schema
from shipworthy.probes.postgres.scratch import connect_scratch

TABLES, ROWS = 500, 8
_TABLE = """
create table public.t{n} (
  id uuid primary key default gen_random_uuid(),
  owner uuid not null references auth.users (id),
  title text not null check (char_length(title) between 1 and 200),
  slug text not null unique check (slug ~ '^[a-z0-9-]+$'),
  status text not null default 'draft' check (status in ('draft', 'published')),
  price numeric(10, 2) not null check (price >= 0),
  starts timestamptz not null,
  ends timestamptz not null,
  tags text[] not null default '{{}}',
  meta jsonb not null default '{{}}',
  created_at timestamptz not null default now(),
  check (ends > starts)
);
"""


def measure(samples: int) -> Iterator[Figure]:
    """Read the schema of a database of five hundred tables, and put eight rows into each."""
    reading: list[float] = []
    making: list[float] = []
    with embedded() as server:
        dsn = server.clone(server.template("rows", _fill, base=server.platform()))
        with connect_scratch(dsn) as connection:
            for _ in range(samples):
                with connection.transaction(force_rollback=True):
                    begun = time.perf_counter()
                    schema = read_schema(connection, ["public"])
                    reading.append(time.perf_counter() - begun)
                    begun = time.perf_counter()
                    _make(RowMaker(connection, schema))
                    making.append(time.perf_counter() - begun)
    yield Figure(f"schema of {TABLES} tables", tuple(reading), remark="embedded Postgres")
    remark = "six checks a table, nothing lifted, embedded Postgres"
    yield Figure(f"{ROWS} rows for each of {TABLES} tables", tuple(making), remark=remark)


def _make(maker: RowMaker) -> None:
    user = maker.insert("auth.users", {}, "user")
    owner = user.values["id"] if isinstance(user, Made) else None
    for n in range(TABLES):
        wanted = [Wanted({"owner": owner}, f"token{n}x{row}") for row in range(ROWS)]
        if maker.lifted or not all(
            isinstance(row, Made) for row in maker.insert_many(f"public.t{n}", wanted)
        ):
            raise RuntimeError(f"public.t{n} has no rows, or something was lifted for them")


def _fill(dsn: str) -> None:
    with connect_scratch(dsn) as connection:
        connection.execute("".join(_TABLE.format(n=n) for n in range(TABLES)).encode())
