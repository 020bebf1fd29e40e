-- Organizations, who is in them with which role, and the functions that policies ask.

create schema private;
grant usage on schema private to authenticated, service_role;

-- Postgres itself lets everyone execute every function: here each one says who may.
alter default privileges in schema private revoke execute on functions from public;
alter default privileges in schema public revoke execute on functions from public;

create type public.organization_role as enum ('viewer', 'member', 'admin', 'owner');

create table public.organizations (
  id bigint generated always as identity primary key,
  slug text not null unique check (slug ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
  name text not null check (length(trim(name)) between 2 and 100),
  billing_email text check (billing_email like '%_@_%'),
  stripe_customer_id text unique,
  created_at timestamptz not null default now()
);

create table public.memberships (
  organization_id bigint not null references public.organizations (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role public.organization_role not null default 'member',
  suspended_at timestamptz,
  joined_at timestamptz not null default now(),
  primary key (organization_id, user_id)
);
create index memberships_user_id_idx on public.memberships (user_id) include (organization_id, role);

-- Definer rights, so that a policy on memberships can ask for memberships without asking itself.
create function private.current_organizations() returns setof bigint
language sql stable security definer set search_path = ''
as $$
  select m.organization_id
  from public.memberships as m
  where m.user_id = (select auth.uid()) and m.suspended_at is null
$$;

create function private.has_role(organization bigint, minimum public.organization_role) returns boolean
language sql stable security definer set search_path = ''
begin atomic
  select exists (
    select 1 from public.memberships as m
    where m.organization_id = has_role.organization
      and m.user_id = (select auth.uid())
      and m.suspended_at is null
      and m.role >= has_role.minimum
  );
end;

create function private.is_organization_admin(organization bigint) returns boolean
language plpgsql stable security definer set search_path = ''
as $$
declare
  found_role public.organization_role;
begin
  select m.role into found_role
  from public.memberships as m
  where m.organization_id = organization and m.user_id = auth.uid() and m.suspended_at is null;
  return coalesce(found_role in ('admin', 'owner'), false);
end
$$;

grant execute on function private.current_organizations to authenticated;
grant execute on function private.has_role to authenticated;
grant execute on function private.is_organization_admin to authenticated;

alter table public.organizations enable row level security;
alter table public.memberships enable row level security;

-- What an organization pays by is for the service alone.
grant select (id, slug, name, created_at), update (name) on public.organizations to authenticated;
grant select, insert, delete on public.memberships to authenticated;
grant update (role, suspended_at) on public.memberships to authenticated;
grant all on public.organizations, public.memberships to service_role;

create policy organizations_select on public.organizations
  for select to authenticated
  using (id in (select private.current_organizations()));
create policy organizations_update on public.organizations
  for update to authenticated
  using ((select private.is_organization_admin(id)))
  with check ((select private.is_organization_admin(id)));

create policy memberships_select on public.memberships
  for select to authenticated
  using (organization_id in (select private.current_organizations()));
-- Nobody makes a peer or a superior, and nobody touches one: an owner is made by the service.
create policy memberships_insert on public.memberships
  for insert to authenticated
  with check (private.has_role(organization_id, 'admin') and role < 'admin');
create policy memberships_update on public.memberships
  for update to authenticated
  using (private.has_role(organization_id, 'admin') and role < 'admin')
  with check (private.has_role(organization_id, 'admin') and role < 'admin');
create policy memberships_delete on public.memberships
  for delete to authenticated
  using ((private.has_role(organization_id, 'admin') and role < 'admin') or (user_id = (select auth.uid()) and role < 'owner'));
