-- How someone becomes a member: an invitation to an address, taken by whoever signs in with it.

create table public.invitations (
  id uuid primary key default gen_random_uuid(),
  organization_id bigint not null references public.organizations (id) on delete cascade,
  email text not null check (email = lower(email) and email like '%_@_%'),
  role public.organization_role not null default 'member' check (role < 'owner'),
  invited_by uuid not null default auth.uid() references auth.users (id) on delete cascade,
  accepted_at timestamptz,
  expires_at timestamptz not null default now() + interval '14 days',
  created_at timestamptz not null default now(),
  check (expires_at > created_at)
);
create unique index invitations_open_idx on public.invitations (organization_id, email) where accepted_at is null;
create index invitations_invited_by_idx on public.invitations (invited_by);
create index invitations_email_idx on public.invitations (email);

alter table public.invitations enable row level security;
grant select, delete on public.invitations to authenticated;
grant insert (organization_id, email, role) on public.invitations to authenticated;
grant all on public.invitations to service_role;

create policy invitations_select on public.invitations
  for select to authenticated
  using (
    private.has_role(organization_id, 'admin')
    or (email = lower((select auth.jwt() ->> 'email')) and accepted_at is null and expires_at > now())
  );
create policy invitations_insert on public.invitations
  for insert to authenticated
  with check (
    private.has_role(organization_id, 'admin') and role < 'admin' and invited_by = (select auth.uid())
  );
create policy invitations_delete on public.invitations
  for delete to authenticated
  using (private.has_role(organization_id, 'admin'));

-- Definer rights: it writes a membership for someone who has none yet.
create function public.accept_invitation(invitation uuid) returns bigint
language plpgsql security definer set search_path = ''
as $$
declare
  taken public.invitations;
begin
  update public.invitations as i
  set accepted_at = now()
  where i.id = invitation
    and i.email = lower(auth.jwt() ->> 'email')
    and not coalesce((auth.jwt() ->> 'is_anonymous')::boolean, false)
    and i.accepted_at is null
    and i.expires_at > now()
  returning * into taken;
  if taken.id is null then
    raise exception 'no such invitation' using errcode = 'no_data_found';
  end if;
  insert into public.memberships (organization_id, user_id, role)
  values (taken.organization_id, auth.uid(), taken.role)
  on conflict (organization_id, user_id) do nothing;
  return taken.organization_id;
end
$$;
grant execute on function public.accept_invitation to authenticated;
