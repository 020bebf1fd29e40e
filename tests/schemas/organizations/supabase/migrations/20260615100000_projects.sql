-- Projects, their tasks and what is said about them. The organization stands in every key, so that a
-- row cannot refer to another organization's.

create table public.projects (
  organization_id bigint not null references public.organizations (id) on delete cascade,
  id uuid not null default gen_random_uuid(),
  name text not null check (length(name) between 1 and 200),
  archived boolean not null default false,
  budget numeric(12, 2) check (budget >= 0),
  period daterange not null default daterange(current_date, null),
  created_at timestamptz not null default now(),
  primary key (organization_id, id)
);

create table public.tasks (
  organization_id bigint not null,
  project_id uuid not null,
  number integer not null check (number > 0),
  title text not null check (length(title) between 1 and 300),
  labels text[] not null default '{}' check (cardinality(labels) <= 20),
  assignee_id uuid,
  done boolean not null default false,
  created_at timestamptz not null default now(),
  primary key (organization_id, project_id, number),
  foreign key (organization_id, project_id) references public.projects (organization_id, id) on delete cascade,
  foreign key (organization_id, assignee_id)
    references public.memberships (organization_id, user_id) on delete set null (assignee_id)
);
create index tasks_assignee_idx on public.tasks (organization_id, assignee_id);

create table public.comments (
  id bigint generated always as identity primary key,
  organization_id bigint not null,
  project_id uuid not null,
  task_number integer not null,
  author_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  body text not null check (length(body) between 1 and 10000),
  edited_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (organization_id, project_id, task_number)
    references public.tasks (organization_id, project_id, number) on delete cascade
);
create index comments_task_idx on public.comments (organization_id, project_id, task_number);
create index comments_author_id_idx on public.comments (author_id);

alter table public.projects enable row level security;
alter table public.tasks enable row level security;
alter table public.comments enable row level security;

grant select, insert, delete on public.projects to authenticated;
grant update (name, archived, budget, period) on public.projects to authenticated;
grant select, insert, delete on public.tasks to authenticated;
grant update (title, labels, assignee_id, done) on public.tasks to authenticated;
grant select, delete on public.comments to authenticated;
grant insert (organization_id, project_id, task_number, body) on public.comments to authenticated;
grant update (body, edited_at) on public.comments to authenticated;
grant all on public.projects, public.tasks, public.comments to service_role;

create policy projects_select on public.projects
  for select to authenticated using (organization_id in (select private.current_organizations()));
create policy projects_insert on public.projects
  for insert to authenticated with check (private.is_organization_admin(organization_id));
create policy projects_update on public.projects
  for update to authenticated
  using (private.is_organization_admin(organization_id))
  with check (private.is_organization_admin(organization_id));
create policy projects_delete on public.projects
  for delete to authenticated using (private.has_role(organization_id, 'owner'));

create policy tasks_select on public.tasks
  for select to authenticated using (organization_id in (select private.current_organizations()));
create policy tasks_insert on public.tasks
  for insert to authenticated with check (private.has_role(organization_id, 'member'));
create policy tasks_update on public.tasks
  for update to authenticated
  using (private.has_role(organization_id, 'member'))
  with check (private.has_role(organization_id, 'member'));
create policy tasks_delete on public.tasks
  for delete to authenticated using (private.is_organization_admin(organization_id));

create policy comments_select on public.comments
  for select to authenticated using (organization_id in (select private.current_organizations()));
create policy comments_insert on public.comments
  for insert to authenticated
  with check (author_id = (select auth.uid()) and private.has_role(organization_id, 'member'));
create policy comments_update on public.comments
  for update to authenticated
  using (author_id = (select auth.uid()) and private.has_role(organization_id, 'member'))
  with check (author_id = (select auth.uid()) and private.has_role(organization_id, 'member'));
create policy comments_delete on public.comments
  for delete to authenticated
  using (author_id = (select auth.uid()) or private.is_organization_admin(organization_id));

-- Whoever is signed in without an account looks and does nothing else, whatever their role.
create policy projects_no_anonymous on public.projects
  as restrictive for all to authenticated
  using (true)
  with check (coalesce((select (auth.jwt() ->> 'is_anonymous')::boolean), false) is false);
create policy tasks_no_anonymous on public.tasks
  as restrictive for all to authenticated
  using (true)
  with check (coalesce((select (auth.jwt() ->> 'is_anonymous')::boolean), false) is false);
