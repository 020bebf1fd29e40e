-- Keys: cycles, references to itself, deferred and not nullable, composite, inheritance, partitions of partitions.
create table public.hens (id uuid primary key default gen_random_uuid(), egg uuid not null, user_id uuid not null references auth.users (id));
create table public.eggs (id uuid primary key default gen_random_uuid(), hen uuid not null references public.hens (id) deferrable initially deferred);
alter table public.hens add foreign key (egg) references public.eggs (id) deferrable initially deferred;
create table public.left_shoes (id int primary key, pair int not null, user_id uuid not null references auth.users (id));
create table public.right_shoes (id int primary key, pair int not null references public.left_shoes (id));
alter table public.left_shoes add foreign key (pair) references public.right_shoes (id);
create table public.tree (id bigint generated always as identity primary key, parent bigint not null references public.tree (id), user_id uuid not null references auth.users (id));
create table public.nodes (id uuid primary key default gen_random_uuid(), up uuid references public.nodes (id), user_id uuid not null references auth.users (id), check (up <> id));
create table public.composite_parent (a int, b text, user_id uuid not null references auth.users (id), primary key (a, b));
create table public.composite_child (a int, b text, n int, primary key (a, b, n), foreign key (a, b) references public.composite_parent match full on delete cascade);
create table public.base (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id));
create table public.derived (extra text not null) inherits (public.base);
create table public.derived_twice (more int check (more > 7)) inherits (public.derived);
create table public.events (
  id uuid default gen_random_uuid(), at timestamptz not null, kind text not null, user_id uuid not null references auth.users (id), primary key (id, at, kind)
) partition by range (at);
create table public.events_2026 partition of public.events for values from ('2026-01-01') to ('2027-01-01') partition by list (kind);
create table public.events_2026_a partition of public.events_2026 for values in ('a', 'b');
create table public.events_2026_hash partition of public.events_2026 for values in ('c') partition by hash (id);
create table public.events_2026_hash_0 partition of public.events_2026_hash for values with (modulus 2, remainder 0);
create table public.events_2026_hash_1 partition of public.events_2026_hash for values with (modulus 2, remainder 1);
create table public.no_partitions (at date not null, user_id uuid references auth.users (id)) partition by range (at);

do $$
declare
  item regclass;
begin
  foreach item in array '{hens,eggs,left_shoes,right_shoes,tree,nodes,composite_parent,composite_child,base,derived,derived_twice,events,events_2026,events_2026_a,events_2026_hash,events_2026_hash_0,events_2026_hash_1,no_partitions}'::text[]
  loop
    execute format('alter table %s enable row level security', item);
    if exists (select from pg_attribute where attrelid = item and attname = 'user_id') then
      execute format('create policy own on %s to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()))', item);
    end if;
  end loop;
end
$$;
create policy own on public.eggs using (exists (select from public.hens h where h.id = hen and h.user_id = (select auth.uid())));
create policy own on public.right_shoes using (exists (select from public.left_shoes l where l.id = pair and l.user_id = (select auth.uid())));
create policy own on public.composite_child using (exists (select from public.composite_parent p where p.a = composite_child.a and p.b = composite_child.b and p.user_id = (select auth.uid())));
