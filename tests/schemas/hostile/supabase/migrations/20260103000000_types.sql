-- Types: domains over domains, composites, ranges, everything that has no obvious text.
create extension if not exists vector with schema extensions;
create domain public.word as text check (value ~ '^[a-z]+$');
create domain public.short_word as public.word check (length(value) <= 5) not null;
create type public.mood as enum ('it''s fine', 'so so', 'ÄRGER');
create type public.point3 as (x double precision, y double precision, z numeric(6, 2));
create type public.float_range as range (subtype = float8);
create table public.exotic (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id),
  w public.short_word, m public.mood not null, p public.point3 not null, r public.float_range not null,
  ir int4range not null check (not isempty(ir)), mr datemultirange not null, tsr tstzrange not null,
  ints int[] not null check (cardinality(ints) = 3), words public.word[] not null, matrix float8[][] not null,
  b bit(5) not null, vb bit varying(7) not null, raw bytea not null check (octet_length(raw) = 32), cash money not null, doc xml not null,
  tv tsvector not null, tq tsquery not null, pt point not null, poly polygon not null, c circle not null, l line not null, seg lseg not null, bx box not null, pth path not null,
  ip inet not null, net cidr not null, mac macaddr not null, mac8 macaddr8 not null, lsn pg_lsn not null,
  i interval not null check (i > interval '1 hour'), t time not null, ttz timetz not null, d date not null, j json not null, jb jsonb not null check (jsonb_typeof(jb) = 'object' and jb ? 'kind'),
  n numeric(4, 2) not null check (n between 10 and 20), one_char "char" not null, nm name not null, ch char(3) not null, v vector(3) not null,
  total numeric generated always as (n * 2) stored,
  reg regclass not null, o oid not null, jp jsonpath not null
);
alter table public.exotic enable row level security;
create policy own on public.exotic to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create table public.impossible (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id), n int not null,
  constraint never check (n > 5 and n < 5)
);
alter table public.impossible enable row level security;
create policy own on public.impossible to authenticated using (user_id = (select auth.uid()));
create table public.slots (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id), during tstzrange not null,
  exclude using gist (during with &&)
);
alter table public.slots enable row level security;
create policy own on public.slots to authenticated using (user_id = (select auth.uid()));
