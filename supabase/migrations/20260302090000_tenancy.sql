-- Organizations and their members: who may see what starts here.

create extension if not exists vector with schema extensions;

-- Older projects on Supabase grant everything in public to the API's roles and leave the rest to row
-- level security; since 2026-05-30 new ones grant nothing. Here every grant is written down, the
-- service's too: both come to the same, and a migration that forgets something exposes nothing.
alter default privileges in schema public revoke all on tables from anon, authenticated;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke execute on functions from anon, authenticated, service_role;
-- Functions need one line more each, "revoke execute … from public": Postgres itself grants that, and
-- taking it away by default would reach the extensions created later, too.

-- Not among the exposed schemas of config.toml: what is here can be used by policies and jobs
-- but cannot be called through the API.
create schema private;
grant usage on schema private to authenticated, service_role;

create table public.plans (
  tier text primary key,
  price_eur numeric(10, 2) not null check (price_eur >= 0),
  max_documents integer not null check (max_documents > 0)
);
comment on table public.plans is 'The public price list';

create table public.organizations (
  id uuid primary key default gen_random_uuid(),
  name text not null check (length(name) between 1 and 200),
  slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  tier text not null default 'free' references public.plans (tier),
  created_at timestamptz not null default now()
);
create index organizations_tier_idx on public.organizations (tier);

create table public.members (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role text not null default 'member' check (role in ('owner', 'admin', 'member')),
  created_at timestamptz not null default now(),
  primary key (organization_id, user_id)
);
create index members_user_idx on public.members (user_id);

-- Definer rights: a policy on members that read members itself would never end.
create function private.is_member(org uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select from public.members as m
    where m.organization_id = org and m.user_id = (select auth.uid())
  )
$$;
comment on function private.is_member is 'The caller belongs to this organization';

create function private.has_role(org uuid, roles text[]) returns boolean
language sql stable security definer set search_path = ''
as $$
  select exists (
    select from public.members as m
    where m.organization_id = org and m.user_id = (select auth.uid()) and m.role = any (roles)
  )
$$;
comment on function private.has_role is 'The caller has one of these roles in this organization';

create function private.touch_updated_at() returns trigger
language plpgsql set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end
$$;

revoke execute on all functions in schema private from public;
grant execute on function private.is_member, private.has_role to authenticated, service_role;

alter table public.plans enable row level security;
alter table public.organizations enable row level security;
alter table public.members enable row level security;

grant select on public.plans to anon, authenticated;
grant select, update on public.organizations to authenticated;
grant select, insert, update, delete on public.members to authenticated;
grant select, insert, update, delete on public.plans, public.organizations, public.members to service_role;

create policy "everyone reads the price list" on public.plans
  for select to anon, authenticated using (true);

create policy "members read their organization" on public.organizations
  for select to authenticated using (private.is_member(id));
create policy "owners and admins change their organization" on public.organizations
  for update to authenticated
  using (private.has_role(id, '{owner,admin}'))
  with check (private.has_role(id, '{owner,admin}'));

create policy "members read their colleagues" on public.members
  for select to authenticated using (private.is_member(organization_id));
-- Only an owner makes or unmakes an owner; an admin who could would be one.
create policy "owners and admins add members" on public.members
  for insert to authenticated
  with check (private.has_role(organization_id, case role when 'owner' then '{owner}'::text[] else '{owner,admin}' end));
create policy "owners and admins change members" on public.members
  for update to authenticated
  using (private.has_role(organization_id, case role when 'owner' then '{owner}'::text[] else '{owner,admin}' end))
  with check (private.has_role(organization_id, case role when 'owner' then '{owner}'::text[] else '{owner,admin}' end));
create policy "owners and admins remove members" on public.members
  for delete to authenticated
  using (private.has_role(organization_id, case role when 'owner' then '{owner}'::text[] else '{owner,admin}' end));
