-- Lists of things to do, what is on them, and tags to find it again.

create type public.todo_status as enum ('open', 'doing', 'done');

create table public.lists (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  name text not null check (char_length(name) between 1 and 120),
  position integer not null default 0 check (position >= 0),
  archived_at timestamptz,
  created_at timestamptz not null default now(),
  unique (id, user_id)
);
create index lists_user_id_idx on public.lists (user_id, position);

create table public.todos (
  id bigint generated always as identity primary key,
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  list_id uuid,
  parent_id bigint,
  title text not null check (char_length(title) between 1 and 500),
  status public.todo_status not null default 'open',
  priority smallint not null default 3 check (priority between 1 and 5),
  due_on date,
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (id, user_id),
  -- A list and a todo of the same user's: the pairs say so, whatever a policy would.
  foreign key (list_id, user_id) references public.lists (id, user_id) on delete cascade,
  foreign key (parent_id, user_id) references public.todos (id, user_id) on delete cascade,
  check ((status = 'done') = (completed_at is not null)),
  check (parent_id is null or parent_id <> id)
);
create index todos_user_id_idx on public.todos (user_id, status);
create index todos_list_idx on public.todos (list_id, user_id);
create index todos_parent_idx on public.todos (parent_id, user_id);

create table public.tags (
  id bigint generated always as identity primary key,
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  name text not null check (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
  color text not null default '#888888' check (color ~ '^#[0-9a-f]{6}$'),
  unique (user_id, name)
);

create table public.todo_tags (
  todo_id bigint not null references public.todos (id) on delete cascade,
  tag_id bigint not null references public.tags (id) on delete cascade,
  primary key (todo_id, tag_id)
);
create index todo_tags_tag_id_idx on public.todo_tags (tag_id);

create trigger todos_updated_at before update on public.todos
  for each row execute function public.set_updated_at();

alter table public.lists enable row level security;
alter table public.todos enable row level security;
alter table public.tags enable row level security;
alter table public.todo_tags enable row level security;

create policy "Users manage their own lists" on public.lists
  for all to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);
create policy "Users manage their own todos" on public.todos
  for all to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);
create policy "Users manage their own tags" on public.tags
  for all to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);
create policy "Users see the tags of their own todos" on public.todo_tags
  for select to authenticated
  using (todo_id in (select t.id from public.todos as t where t.user_id = (select auth.uid())));
create policy "Users tag their own todos with their own tags" on public.todo_tags
  for insert to authenticated
  with check (
    todo_id in (select t.id from public.todos as t where t.user_id = (select auth.uid()))
    and tag_id in (select g.id from public.tags as g where g.user_id = (select auth.uid()))
  );
create policy "Users untag their own todos" on public.todo_tags
  for delete to authenticated
  using (todo_id in (select t.id from public.todos as t where t.user_id = (select auth.uid())));
