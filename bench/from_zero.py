"""How long 300 migrations take from zero, beside ``psql`` running the same files."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.databases import embedded
from bench.timing import Figure
from shipworthy.probes.postgres.embedded import client_program
from shipworthy.probes.postgres.migrate import apply_migrations
from shipworthy.probes.postgres.project import read_project
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch

FILES = 300
_TABLE = """\
-- Orders of kind {n}: one of the tables of the shop.
create table public.orders_{n} (
  id uuid primary key default gen_random_uuid(),
  owner uuid not null references auth.users (id) on delete cascade,
  name text not null check (length(name) between 1 and 200),
  status text not null default 'draft' check (status in ('draft', 'sent', 'paid; closed')),
  amount numeric(12, 2) not null default 0,
  meta jsonb not null default '{{}}',
  created_at timestamptz not null default now()
);
create index orders_{n}_owner_idx on public.orders_{n} (owner);
create index orders_{n}_status_idx on public.orders_{n} (status) where status <> 'draft';
comment on table public.orders_{n} is 'It''s the table of orders; kind {n}';
alter table public.orders_{n} enable row level security;
create policy "owners read" on public.orders_{n} for select to authenticated using (owner = auth.uid());
create policy "owners add" on public.orders_{n} for insert to authenticated with check (owner = auth.uid());
grant select, insert, update, delete on public.orders_{n} to authenticated;
"""
_FUNCTION = """\
create or replace function public.total_{n}(since timestamptz) returns numeric
language plpgsql stable set search_path = '' as $$
declare
  result numeric;
begin
  -- Drafts do not count; neither does what is older.
  select sum(amount) into result from public.orders_{before} where status <> 'draft' and created_at >= since;
  return coalesce(result, 0);
end;
$$;
revoke execute on function public.total_{n}(timestamptz) from public, anon;
create or replace view public.recent_{n} with (security_invoker = true) as
  select id, name, amount from public.orders_{before} where created_at > now() - interval '30 days';
"""
_CHANGE = """\
alter table public.orders_{table} add column note_{n} text, add column sent_at_{n} timestamptz;
alter table public.orders_{table} alter column name set default 'unnamed';
update public.orders_{table} set note_{n} = 'none' where note_{n} is null;
insert into public.orders_{table} (owner, name) select id, 'first' from auth.users;
do $$ begin
  if not exists (select from pg_type where typname = 'priority_{n}') then
    create type public.priority_{n} as enum ('low', 'high');
  end if;
end $$;
"""


def measure(samples: int) -> Iterator[Figure]:
    """Apply the same files with our way and with psql, in turns, each time to a database of their own."""
    with tempfile.TemporaryDirectory(prefix="shipworthy-bench-") as name, embedded() as server:
        folder = Path(name)
        _write(folder / "migrations")
        ours, theirs = [], []
        for _ in range(samples):
            theirs.append(_by_psql(server, folder))
            ours.append(_by_us(server, folder))
    pairs = zip(ours, theirs, strict=True)
    ratios = [mine / other for mine, other in pairs]
    remark = f"{statistics.median(ratios):.2f} times psql ({min(ratios):.2f} to {max(ratios):.2f})"
    size = f"{FILES} migrations from zero"
    yield Figure(size, tuple(ours), aim="≤ 1.3 times psql", remark=remark)
    yield Figure(f"{size}, psql", tuple(theirs), remark="one process, one transaction for each file")


def _write(folder: Path) -> None:
    folder.mkdir()
    for n in range(FILES):
        parts = {"n": n, "before": n - n % 3, "table": n - n % 3}
        text = (_TABLE, _FUNCTION, _CHANGE)[n % 3].format(**parts)
        (folder / f"20260101{n:06}_step.sql").write_text(text, encoding="utf-8")


def _by_us(server: ScratchServer, folder: Path) -> float:
    """Time it with the reading of the files and the record of each."""
    dsn = server.clone(server.platform())
    begun = time.perf_counter()
    with connect_scratch(dsn) as connection:
        applied = apply_migrations(connection, read_project(folder))
    seconds = time.perf_counter() - begun
    server.drop(dsn)
    if len(applied) != FILES:
        raise RuntimeError(f"{len(applied)} of {FILES} migrations were applied")
    return seconds


def _by_psql(server: ScratchServer, folder: Path) -> float:
    dsn = server.clone(server.platform())
    files = sorted((folder / "migrations").glob("*.sql"))
    script = "".join(f"begin;\n\\i {file}\ncommit;\n" for file in files)
    argv = [str(client_program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", dsn]
    begun = time.perf_counter()
    subprocess.run(argv, input=script, text=True, check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    server.drop(dsn)
    return seconds
