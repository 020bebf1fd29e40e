-- The queue between ingestion and the embedding workers; users never see it.

create table public.embedding_jobs (
  id bigint generated always as identity primary key,
  chunk_id uuid not null,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  status text not null default 'queued' check (status in ('queued', 'running', 'done', 'failed')),
  priority integer not null default 0,
  attempts integer not null default 0 check (attempts >= 0),
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  foreign key (chunk_id, organization_id) references public.chunks (id, organization_id) on delete cascade
);
create unique index embedding_jobs_open_idx on public.embedding_jobs (chunk_id)
  where status in ('queued', 'running');
create index embedding_jobs_chunk_idx on public.embedding_jobs (chunk_id);
create index embedding_jobs_organization_idx on public.embedding_jobs (organization_id);
create index embedding_jobs_next_idx on public.embedding_jobs (priority desc, id) where status = 'queued';

-- No policy: nobody but the service role, which row level security does not apply to.
alter table public.embedding_jobs enable row level security;
grant select, insert, update, delete on public.embedding_jobs to service_role;

create function public.rpc_queue_embedding_job(p_chunk_id uuid, p_priority integer default 0) returns bigint
language plpgsql security invoker set search_path = ''
as $$
declare
  job bigint;
begin
  insert into public.embedding_jobs as j (chunk_id, organization_id, priority)
  select c.id, c.organization_id, p_priority from public.chunks as c where c.id = p_chunk_id
  on conflict (chunk_id) where status in ('queued', 'running')
  do update set priority = greatest(j.priority, excluded.priority)
  returning j.id into job;
  if job is null then
    raise exception 'no chunk %', p_chunk_id using errcode = 'no_data_found';
  end if;
  return job;
end
$$;
comment on function public.rpc_queue_embedding_job is
  'Queues a chunk for embedding; while a job for it is open, returns that job';

create function public.rpc_prune_vectors(p_older_than interval default '90 days', p_limit integer default 1000)
returns integer
language plpgsql security invoker set search_path = ''
as $$
declare
  pruned integer;
begin
  with stale as (
    select c.id
    from public.chunks as c
    join public.documents as d on d.id = c.document_id
    where c.embedding is not null
      and (d.status = 'failed' or (d.status <> 'indexed' and c.created_at < now() - p_older_than))
    order by c.created_at
    limit p_limit
    for update of c skip locked
  )
  update public.chunks as c set embedding = null from stale where c.id = stale.id;
  get diagnostics pruned = row_count;
  return pruned;
end
$$;
comment on function public.rpc_prune_vectors is
  'Drops the vectors of documents that failed or were never indexed; returns how many';

revoke execute on function public.rpc_queue_embedding_job, public.rpc_prune_vectors from public;
grant execute on function public.rpc_queue_embedding_job, public.rpc_prune_vectors to service_role;
