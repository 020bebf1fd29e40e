-- Documents, their chunks, and search by meaning.

create table public.documents (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references public.organizations (id) on delete cascade,
  source text not null check (source in ('drive', 'upload')),
  external_id text not null,
  title text not null,
  mime_type text not null default 'text/plain',
  content_sha256 text check (content_sha256 ~ '^[0-9a-f]{64}$'),
  status text not null default 'pending' check (status in ('pending', 'indexed', 'failed')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, source, external_id),
  unique (id, organization_id)
);
create trigger documents_touch_updated_at before update on public.documents
  for each row execute function private.touch_updated_at();

create table public.chunks (
  id uuid primary key default gen_random_uuid(),
  document_id uuid not null,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  ordinal integer not null check (ordinal >= 0),
  content text not null,
  embedding extensions.vector(384),
  model text,
  created_at timestamptz not null default now(),
  unique (document_id, ordinal),
  unique (id, organization_id),
  -- The tenant is repeated so that policies need no join; this key makes the two agree.
  foreign key (document_id, organization_id) references public.documents (id, organization_id) on delete cascade
);
create index chunks_organization_idx on public.chunks (organization_id);
create index chunks_embedding_idx on public.chunks using hnsw (embedding extensions.vector_cosine_ops);

alter table public.documents enable row level security;
alter table public.chunks enable row level security;

grant select, insert, update, delete on public.documents to authenticated;
grant select on public.chunks to authenticated;
grant select, insert, update, delete on public.documents, public.chunks to service_role;

create policy "members read documents" on public.documents
  for select to authenticated using (private.is_member(organization_id));
create policy "members add documents" on public.documents
  for insert to authenticated with check (private.is_member(organization_id));
create policy "members change documents" on public.documents
  for update to authenticated
  using (private.is_member(organization_id))
  with check (private.is_member(organization_id));
create policy "owners and admins remove documents" on public.documents
  for delete to authenticated using (private.has_role(organization_id, '{owner,admin}'));

create policy "members read chunks" on public.chunks
  for select to authenticated using (private.is_member(organization_id));

create function public.match_chunks(
  query_embedding extensions.vector(384),
  match_count integer default 5,
  p_organization_id uuid default null
) returns table (chunk_id uuid, document_id uuid, title text, content text, similarity double precision)
language plpgsql stable security invoker set search_path = ''
as $$
begin
  -- An index scan stops after ef_search neighbours, whosever they are; policies filter afterwards.
  -- Without this a small tenant beside a large one finds nothing.
  perform set_config('hnsw.iterative_scan', 'strict_order', true);
  return query
    select c.id, c.document_id, d.title, c.content,
           1 - (c.embedding operator(extensions.<=>) query_embedding)
    from public.chunks as c
    join public.documents as d on d.id = c.document_id
    where c.embedding is not null
      and (p_organization_id is null or c.organization_id = p_organization_id)
    order by c.embedding operator(extensions.<=>) query_embedding
    limit least(greatest(match_count, 1), 100);
end
$$;
comment on function public.match_chunks is
  'The caller''s chunks nearest in meaning, best first; similarity is 1 - cosine distance';
revoke execute on function public.match_chunks from public;
grant execute on function public.match_chunks to authenticated, service_role;
