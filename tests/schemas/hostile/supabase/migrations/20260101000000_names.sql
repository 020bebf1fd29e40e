-- Names: quoted, unicode, keywords, blanks, 63 bytes, a schema that needs quoting everywhere.
create schema "weird ""quoted"" schema";
grant usage on schema "weird ""quoted"" schema" to anon, authenticated, service_role;

create table "weird ""quoted"" schema"."Tàble with ""quotes"" and 'apostrophes'" (
  "Id" uuid primary key default gen_random_uuid(),
  "user id" uuid not null references auth.users (id) on delete cascade,
  "select" text not null,
  "percent % and %s and {braces}" text,
  "日本語の列" text check (length("日本語の列") between 2 and 20)
);
alter table "weird ""quoted"" schema"."Tàble with ""quotes"" and 'apostrophes'" enable row level security;
create policy "a policy; with 'all' ""sorts"" of
characters %s" on "weird ""quoted"" schema"."Tàble with ""quotes"" and 'apostrophes'"
  for all to authenticated using ("user id" = (select auth.uid())) with check ("user id" = (select auth.uid()));
grant all on "weird ""quoted"" schema"."Tàble with ""quotes"" and 'apostrophes'" to authenticated, service_role;

create table public.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk (
  abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk uuid primary key default gen_random_uuid(),
  owner uuid not null default auth.uid() references auth.users (id)
);
alter table public.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk enable row level security;
create policy own on public.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk
  using (owner = (select auth.uid()));

create table public."select" ("from" int generated always as identity primary key, "where" uuid references auth.users (id));
alter table public."select" enable row level security;
create policy "order by" on public."select" for select to authenticated using ("where" = (select auth.uid()));

create table public.no_columns ();
alter table public.no_columns enable row level security;

do $$
begin
  execute 'create table public.wide (' ||
    (select string_agg(format('c%s %s', i, case i % 4 when 0 then 'int' when 1 then 'text' when 2 then 'bool' else 'uuid' end), ', ')
     from generate_series(1, 1600) i) || ')';
end
$$;
alter table public.wide enable row level security;
