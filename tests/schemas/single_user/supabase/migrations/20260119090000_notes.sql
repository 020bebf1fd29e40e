-- Notes, found by their words, and pictures in a bucket of their own.

create table public.notes (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  title text not null default '' check (char_length(title) <= 200),
  body text not null default '',
  is_pinned boolean not null default false,
  words tsvector generated always as (to_tsvector('simple', title || ' ' || body)) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index notes_user_id_idx on public.notes (user_id, updated_at desc);
create index notes_words_idx on public.notes using gin (words);

create trigger notes_updated_at before update on public.notes
  for each row execute function public.set_updated_at();

alter table public.notes enable row level security;

create policy "Users view their own notes" on public.notes
  for select to authenticated using ((select auth.uid()) = user_id);
create policy "Users create their own notes" on public.notes
  for insert to authenticated with check ((select auth.uid()) = user_id);
create policy "Users change their own notes" on public.notes
  for update to authenticated using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);
create policy "Users delete their own notes" on public.notes
  for delete to authenticated using ((select auth.uid()) = user_id);

-- The caller's rights: it finds what the caller may see.
create function public.search_notes(query text) returns setof public.notes
language sql stable security invoker set search_path = ''
as $$
  select n.* from public.notes as n
  where n.words @@ websearch_to_tsquery('simple', query)
  order by n.is_pinned desc, n.updated_at desc
  limit 50
$$;
revoke execute on function public.search_notes from public, anon;
grant execute on function public.search_notes to authenticated;

create view public.open_todos with (security_invoker = true) as
  select t.id, t.title, t.priority, t.due_on, l.name as list
  from public.todos as t
  left join public.lists as l on l.id = t.list_id
  where t.status <> 'done';

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('attachments', 'attachments', false, 10485760, '{image/png,image/jpeg,application/pdf}')
on conflict (id) do nothing;

create policy "Users view their own attachments" on storage.objects
  for select to authenticated
  using (bucket_id = 'attachments' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "Users add their own attachments" on storage.objects
  for insert to authenticated
  with check (bucket_id = 'attachments' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "Users replace their own attachments" on storage.objects
  for update to authenticated
  using (bucket_id = 'attachments' and (storage.foldername(name))[1] = (select auth.uid())::text)
  with check (bucket_id = 'attachments' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "Users remove their own attachments" on storage.objects
  for delete to authenticated
  using (bucket_id = 'attachments' and (storage.foldername(name))[1] = (select auth.uid())::text);

-- Nothing here is for those who are not signed in, nor is whole tables at once for anyone.
revoke all on all tables in schema public from anon;
revoke truncate, references, trigger on all tables in schema public from authenticated;
