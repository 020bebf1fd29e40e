-- Alert rules, alerts, and the jobs that keep the platform tidy.

create table public.alert_rules (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null,
  metric text not null,
  comparator text not null check (comparator in ('>', '<')),
  threshold double precision not null,
  enabled boolean not null default true,
  unique (id, organization_id)
);
create index alert_rules_organization_idx on public.alert_rules (organization_id);

create table public.alerts (
  id bigint generated always as identity primary key,
  rule_id uuid not null,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  value double precision not null,
  status text not null default 'open' check (status in ('open', 'resolved')),
  created_at timestamptz not null default now(),
  resolved_at timestamptz,
  check ((status = 'resolved') = (resolved_at is not null)),
  foreign key (rule_id, organization_id) references public.alert_rules (id, organization_id) on delete cascade
);
create unique index alerts_open_idx on public.alerts (rule_id) where status = 'open';
create index alerts_rule_idx on public.alerts (rule_id);
create index alerts_organization_idx on public.alerts (organization_id);

alter table public.alert_rules enable row level security;
alter table public.alerts enable row level security;
grant select, insert, update, delete on public.alert_rules to authenticated;
grant select on public.alerts to authenticated;
grant select, insert, update, delete on public.alert_rules, public.alerts to service_role;

create policy "members read alert rules" on public.alert_rules
  for select to authenticated using (private.is_member(organization_id));
create policy "owners and admins add alert rules" on public.alert_rules
  for insert to authenticated with check (private.has_role(organization_id, '{owner,admin}'));
create policy "owners and admins change alert rules" on public.alert_rules
  for update to authenticated
  using (private.has_role(organization_id, '{owner,admin}'))
  with check (private.has_role(organization_id, '{owner,admin}'));
create policy "owners and admins remove alert rules" on public.alert_rules
  for delete to authenticated using (private.has_role(organization_id, '{owner,admin}'));

create policy "members read alerts" on public.alerts
  for select to authenticated using (private.is_member(organization_id));

create function private.check_alerts() returns integer
language sql set search_path = ''
as $$
  with verdict as (
    select r.id as rule_id, r.organization_id, latest.value,
           case r.comparator when '>' then latest.value > r.threshold else latest.value < r.threshold end as broken
    from public.alert_rules as r
    cross join lateral (
      select m.value from public.metrics as m
      where m.organization_id = r.organization_id and m.name = r.metric
        and m.recorded_at > now() - interval '15 minutes'
      order by m.recorded_at desc
      limit 1
    ) as latest
    where r.enabled
  ),
  opened as (
    insert into public.alerts (rule_id, organization_id, value)
    select v.rule_id, v.organization_id, v.value from verdict as v where v.broken
    on conflict (rule_id) where status = 'open' do nothing
    returning id
  ),
  resolved as (
    update public.alerts as a set status = 'resolved', resolved_at = now()
    from verdict as v
    where a.rule_id = v.rule_id and a.status = 'open' and not v.broken
    returning a.id
  )
  select (select count(*) from opened)::integer + (select count(*) from resolved)::integer
$$;
comment on function private.check_alerts is
  'Opens an alert where the latest value breaks a rule, resolves it where it no longer does; returns how many changed';

create function private.cleanup() returns integer
language plpgsql set search_path = ''
as $$
declare
  old regclass;
  removed integer;
  total integer := 0;
begin
  perform private.ensure_metric_partitions(2);
  for old in
    select i.inhrelid from pg_catalog.pg_inherits as i
    join pg_catalog.pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'public.metrics'::regclass
      and c.relname < to_char(now() - interval '13 months', '"metrics_"YYYY_MM')
  loop
    execute format('drop table %s', old);
    total := total + 1;
  end loop;
  delete from public.metric_rollups where bucket < now() - interval '13 months';
  get diagnostics removed = row_count;
  total := total + removed;
  delete from public.embedding_jobs
  where status in ('done', 'failed') and finished_at < now() - interval '30 days';
  get diagnostics removed = row_count;
  return total + removed;
end
$$;
comment on function private.cleanup is
  'Makes coming partitions, drops what is past its retention; returns how many partitions and rows went';

-- The one door through which the edge functions cron/* reach the jobs.
create function public.rpc_run_job(p_job text) returns jsonb
language plpgsql security definer set search_path = ''
as $$
declare
  affected integer;
begin
  case p_job
    when 'aggregate-metrics' then affected := private.aggregate_metrics();
    when 'detect-anomalies' then affected := private.detect_anomalies();
    when 'check-alerts' then affected := private.check_alerts();
    when 'cleanup' then affected := private.cleanup();
    when 'prune-vectors' then affected := public.rpc_prune_vectors();
    else raise exception 'no job named %', p_job using errcode = 'invalid_parameter_value';
  end case;
  return jsonb_build_object('job', p_job, 'affected', affected, 'finished_at', clock_timestamp());
end
$$;
comment on function public.rpc_run_job is 'Runs one of the platform''s jobs now; returns its name and how much it changed';
revoke execute on function public.rpc_run_job from public;
revoke execute on all functions in schema private from public;
grant execute on function public.rpc_run_job to service_role;
