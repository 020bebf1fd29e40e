-- What agents decided, what users talked about, and who tells us that a Drive file changed.

create table public.agent_decisions (
  id bigint generated always as identity primary key,
  organization_id uuid not null references public.organizations (id),
  agent text not null,
  action text not null,
  request jsonb not null default '{}',
  decision jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index agent_decisions_organization_idx on public.agent_decisions (organization_id, created_at desc);

-- An audit log that its writers can change proves nothing: this holds for the service role, too.
create function private.refuse_change() returns trigger
language plpgsql set search_path = ''
as $$
begin
  raise exception '%.% is append only', tg_table_schema, tg_table_name using errcode = 'insufficient_privilege';
end
$$;
revoke execute on function private.refuse_change from public;

create trigger agent_decisions_append_only before update or delete on public.agent_decisions
  for each row execute function private.refuse_change();
create trigger agent_decisions_no_truncate before truncate on public.agent_decisions
  for each statement execute function private.refuse_change();

create table public.drive_channels (
  id text primary key,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  resource_id text not null,
  token_sha256 text not null check (token_sha256 ~ '^[0-9a-f]{64}$'),
  last_message_number bigint not null default 0,
  expires_at timestamptz not null,
  active boolean not null default true
);
create index drive_channels_organization_idx on public.drive_channels (organization_id);
comment on column public.drive_channels.token_sha256 is 'The hash of the channel''s token; the token itself is not kept';

create table public.conversations (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references public.organizations (id) on delete cascade,
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  title text not null default '',
  created_at timestamptz not null default now(),
  unique (id, organization_id)
);
create index conversations_user_idx on public.conversations (user_id, created_at desc);
create index conversations_organization_idx on public.conversations (organization_id);

create table public.messages (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  role text not null check (role in ('user', 'assistant', 'system')),
  content text not null,
  created_at timestamptz not null default now(),
  foreign key (conversation_id, organization_id)
    references public.conversations (id, organization_id) on delete cascade
);
create index messages_conversation_idx on public.messages (conversation_id, created_at);
create index messages_organization_idx on public.messages (organization_id);

alter table public.agent_decisions enable row level security;
alter table public.drive_channels enable row level security;
alter table public.conversations enable row level security;
alter table public.messages enable row level security;

grant select on public.agent_decisions to authenticated;
grant select, insert, update, delete on public.conversations to authenticated;
grant select, insert on public.messages to authenticated;
grant select, insert, update, delete on public.agent_decisions, public.drive_channels, public.conversations,
  public.messages to service_role;

create policy "members read decisions" on public.agent_decisions
  for select to authenticated using (private.is_member(organization_id));

-- A conversation belongs to its user alone, not to the organization.
create policy "users read their conversations" on public.conversations
  for select to authenticated
  using (user_id = (select auth.uid()) and private.is_member(organization_id));
create policy "users start conversations" on public.conversations
  for insert to authenticated
  with check (user_id = (select auth.uid()) and private.is_member(organization_id));
create policy "users rename their conversations" on public.conversations
  for update to authenticated
  using (user_id = (select auth.uid()) and private.is_member(organization_id))
  with check (user_id = (select auth.uid()) and private.is_member(organization_id));
create policy "users delete their conversations" on public.conversations
  for delete to authenticated using (user_id = (select auth.uid()));

-- The subqueries see only what the caller's policies on conversations let through.
create policy "users read their messages" on public.messages
  for select to authenticated
  using (exists (select from public.conversations as c where c.id = conversation_id));
create policy "users write in their conversations" on public.messages
  for insert to authenticated
  with check (
    role in ('user', 'assistant')
    and exists (select from public.conversations as c where c.id = conversation_id)
  );
