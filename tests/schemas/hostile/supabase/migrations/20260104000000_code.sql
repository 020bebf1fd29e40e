-- Code: triggers that raise, rules, functions that sleep, raise, recurse; policies that do the same.
create table public.guarded (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id), body text);
create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'never: % %', tg_op, '100 %'; end $$;
create trigger refuse before insert or update or delete on public.guarded for each row execute function public.refuse();
create table public.strange_error (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id));
create function public.strange() returns trigger language plpgsql as $$ begin raise exception using errcode = 'XX000', message = E'line one\nline two'; end $$;
create trigger strange after insert on public.strange_error for each row execute function public.strange();
create table public.swallowed (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id));
create rule swallow as on insert to public.swallowed do instead nothing;
create table public.vanishing (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id));
create function public.vanish() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger vanish before insert on public.vanishing for each row execute function public.vanish();
create table public.slow_default (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id), slow text default pg_sleep(60)::text);

create table public.recursive (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id));
create policy "asks itself" on public.recursive to authenticated using (exists (select from public.recursive r where r.user_id = (select auth.uid())));
create table public.raising (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id), n int not null default 0);
create policy "divides" on public.raising to authenticated using (1 / n > 0 and user_id = (select auth.uid()));
create function public.sleepy(who uuid) returns boolean language plpgsql stable as $$ begin perform pg_sleep(60); return who = auth.uid(); end $$;
create table public.sleeping (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id));
create policy "sleeps" on public.sleeping to authenticated using (public.sleepy(user_id));
create table public.overflowing (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id));
create function public.endless(n int) returns boolean language plpgsql as $$ begin return public.endless(n + 1); end $$;
create policy "never ends" on public.overflowing to authenticated using (public.endless(0));

do $$
declare
  item regclass;
begin
  foreach item in array '{guarded,strange_error,swallowed,vanishing,slow_default,recursive,raising,sleeping,overflowing}'::text[]
  loop
    execute format('alter table %s enable row level security', item);
    if not exists (select from pg_policy where polrelid = item) then
      execute format('create policy own on %s to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()))', item);
    end if;
  end loop;
end
$$;

create view public.broken_view with (security_invoker = true) as select 1 / (count(*) - count(*)) as n from public.base;
create view public.sleeping_view with (security_invoker = true) as select pg_sleep(60)::text as slept;
create function public.sleeps(seconds int default 60) returns void language sql as $$ select pg_sleep(seconds) $$;
create function public.raises(x anyelement) returns anyelement language plpgsql as $$ begin raise exception 'no %', x; end $$;
create function public.many(variadic xs int[]) returns setof int language sql as $$ select unnest(xs) $$;
create function public.out_only(out a int, out b text) language sql as $$ select 1, 'b' $$;
create function public.huge() returns setof int language sql as $$ select generate_series(1, 100000000) $$;
create procedure public.commits() language plpgsql as $$ begin commit; end $$;
create function public.ends_session() returns void language plpgsql as $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$;
create aggregate public.longest(text) (sfunc = pg_catalog.textcat, stype = text);
