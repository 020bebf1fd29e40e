-- What happened: a log that triggers write and nobody changes, and events by month.

create table public.audit_log (
  id bigint generated always as identity primary key,
  organization_id bigint not null references public.organizations (id) on delete cascade,
  actor_id uuid,
  action text not null check (action in ('INSERT', 'UPDATE', 'DELETE')),
  subject text not null,
  details jsonb not null default '{}',
  at timestamptz not null default now()
);
create index audit_log_organization_idx on public.audit_log (organization_id, at desc);
comment on column public.audit_log.actor_id is 'Who did it; no key, because the log outlives its users';

create function private.refuse_change() returns trigger
language plpgsql set search_path = ''
as $$
begin
  raise exception '% is append only', tg_relid::regclass using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_log_append_only before update on public.audit_log
  for each row execute function private.refuse_change();
create trigger audit_log_no_truncate before truncate on public.audit_log
  for each statement execute function private.refuse_change();

-- Definer rights: those who are recorded may not write the record.
create function private.record_change() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
  changed jsonb := case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
begin
  -- An organization that goes takes its log along.
  if exists (select 1 from public.organizations as o where o.id = (changed ->> 'organization_id')::bigint) then
    insert into public.audit_log (organization_id, actor_id, action, subject, details)
    values ((changed ->> 'organization_id')::bigint, auth.uid(), tg_op, tg_table_name, changed);
  end if;
  return null;
end
$$;
create trigger memberships_recorded after insert or update or delete on public.memberships
  for each row execute function private.record_change();
create trigger projects_recorded after insert or update or delete on public.projects
  for each row execute function private.record_change();

alter table public.audit_log enable row level security;
grant select on public.audit_log to authenticated, service_role;
create policy audit_log_select on public.audit_log
  for select to authenticated using (private.is_organization_admin(organization_id));

create table public.events (
  organization_id bigint not null references public.organizations (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  kind text not null check (kind in ('page', 'click', 'error')),
  payload jsonb not null default '{}' check (jsonb_typeof(payload) = 'object'),
  occurred_at timestamptz not null default now(),
  primary key (organization_id, id, occurred_at)
) partition by range (occurred_at);
create table public.events_2026 partition of public.events
  for values from ('2026-01-01') to ('2027-01-01');
create table public.events_later partition of public.events default;
create index events_organization_idx on public.events (organization_id, occurred_at desc);

-- Partitions are tables of their own: their parent's policies do not guard them.
alter table public.events enable row level security;
alter table public.events_2026 enable row level security;
alter table public.events_later enable row level security;
grant select on public.events to authenticated;
grant insert (organization_id, kind, payload) on public.events to authenticated;
grant all on public.events to service_role;

create policy events_select on public.events
  for select to authenticated using (organization_id in (select private.current_organizations()));
create policy events_insert on public.events
  for insert to authenticated with check (private.has_role(organization_id, 'viewer'));

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('project-files', 'project-files', false, 52428800, '{application/pdf,image/png}')
on conflict (id) do nothing;

create policy project_files_select on storage.objects
  for select to authenticated
  using (
    bucket_id = 'project-files'
    and (storage.foldername(name))[1] in (select o::text from private.current_organizations() as o)
  );
create policy project_files_insert on storage.objects
  for insert to authenticated
  with check (
    bucket_id = 'project-files'
    and (storage.foldername(name))[1] in (select o::text from private.current_organizations() as o)
  );
