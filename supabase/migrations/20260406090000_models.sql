-- Which model version serves: artifacts, blue/green releases, feature flags.

create table public.model_artifacts (
  id uuid primary key default gen_random_uuid(),
  model text not null,
  version text not null,
  bucket text not null check (bucket in ('models-blue', 'models-green')),
  path text not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes bigint not null check (size_bytes >= 0),
  created_at timestamptz not null default now(),
  unique (bucket, path)
);

create table public.model_releases (
  model text primary key,
  active_slot text not null check (active_slot in ('blue', 'green')),
  blue_artifact_id uuid references public.model_artifacts (id),
  green_artifact_id uuid references public.model_artifacts (id),
  updated_at timestamptz not null default now(),
  -- The slot that serves has something to serve.
  check (case active_slot when 'blue' then blue_artifact_id else green_artifact_id end is not null)
);
create index model_releases_blue_idx on public.model_releases (blue_artifact_id);
create index model_releases_green_idx on public.model_releases (green_artifact_id);
create trigger model_releases_touch_updated_at before update on public.model_releases
  for each row execute function private.touch_updated_at();

create table public.feature_flags (
  key text primary key check (key ~ '^[a-z][a-z0-9_]*$'),
  enabled boolean not null default false,
  description text not null default '',
  updated_at timestamptz not null default now()
);
create trigger feature_flags_touch_updated_at before update on public.feature_flags
  for each row execute function private.touch_updated_at();

alter table public.model_artifacts enable row level security;
alter table public.model_releases enable row level security;
alter table public.feature_flags enable row level security;
grant select on public.model_artifacts, public.model_releases, public.feature_flags to authenticated;
grant select, insert, update, delete on public.model_artifacts, public.model_releases, public.feature_flags
  to service_role;

create policy "users read artifacts" on public.model_artifacts
  for select to authenticated using (true);
create policy "users read releases" on public.model_releases
  for select to authenticated using (true);
create policy "users read flags" on public.feature_flags
  for select to authenticated using (true);

create function public.rpc_flip_release(p_model text) returns text
language plpgsql security invoker set search_path = ''
as $$
declare
  slot text;
begin
  update public.model_releases as r
  set active_slot = case r.active_slot when 'blue' then 'green' else 'blue' end
  where r.model = p_model
  returning r.active_slot into slot;
  if slot is null then
    raise exception 'no release of model %', p_model using errcode = 'no_data_found';
  end if;
  return slot;
exception
  when check_violation then
    raise exception 'the other slot of % has no artifact', p_model using errcode = 'check_violation';
end
$$;
comment on function public.rpc_flip_release is
  'Serves the model from its other slot and returns that slot; refuses a slot without an artifact';
revoke execute on function public.rpc_flip_release from public;
grant execute on function public.rpc_flip_release to service_role;
