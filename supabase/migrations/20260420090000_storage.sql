-- Buckets, all private; objects lie in a folder named like their organization.

insert into storage.buckets (id, name, public)
values
  ('documents', 'documents', false),
  ('models-blue', 'models-blue', false),
  ('models-green', 'models-green', false)
on conflict (id) do update set public = excluded.public;

create policy "members read documents of their organization" on storage.objects
  for select to authenticated
  using (
    bucket_id = 'documents'
    and (storage.foldername(name))[1] in (
      select m.organization_id::text from public.members as m where m.user_id = (select auth.uid())
    )
  );
create policy "members add documents of their organization" on storage.objects
  for insert to authenticated
  with check (
    bucket_id = 'documents'
    and (storage.foldername(name))[1] in (
      select m.organization_id::text from public.members as m where m.user_id = (select auth.uid())
    )
  );
create policy "owners and admins remove documents of their organization" on storage.objects
  for delete to authenticated
  using (
    bucket_id = 'documents'
    and (storage.foldername(name))[1] in (
      select m.organization_id::text from public.members as m
      where m.user_id = (select auth.uid()) and m.role in ('owner', 'admin')
    )
  );
