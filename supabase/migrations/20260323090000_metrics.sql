-- Metrics, one partition per month, and their five-minute rollups.

create table public.metrics (
  id bigint generated always as identity,
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null,
  value double precision not null,
  labels jsonb not null default '{}',
  recorded_at timestamptz not null default now(),
  primary key (id, recorded_at)
) partition by range (recorded_at);
create index metrics_series_idx on public.metrics (organization_id, name, recorded_at desc);

create table public.metric_rollups (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null,
  bucket timestamptz not null,
  samples bigint not null check (samples > 0),
  minimum double precision not null,
  maximum double precision not null,
  average double precision not null,
  primary key (organization_id, name, bucket)
);

alter table public.metrics enable row level security;
alter table public.metric_rollups enable row level security;
grant select on public.metrics, public.metric_rollups to authenticated;
grant select, insert, update, delete on public.metrics, public.metric_rollups to service_role;

create policy "members read metrics" on public.metrics
  for select to authenticated using (private.is_member(organization_id));
create policy "members read rollups" on public.metric_rollups
  for select to authenticated using (private.is_member(organization_id));

-- Partitions live in private: in public the API would serve each as a table of its own, past the
-- policies of the table it belongs to.
create function private.ensure_metric_partitions(months integer) returns integer
language plpgsql set search_path = ''
as $$
declare
  month timestamptz;
  partition text;
  made integer := 0;
begin
  for month in
    select generate_series(
      date_trunc('month', now(), 'UTC') - interval '1 month',
      date_trunc('month', now(), 'UTC') + make_interval(months => months),
      interval '1 month', 'UTC'
    )
  loop
    partition := to_char(month at time zone 'UTC', '"metrics_"YYYY_MM');
    continue when to_regclass(format('private.%I', partition)) is not null;
    execute format(
      'create table private.%I partition of public.metrics for values from (%L) to (%L)',
      partition, month, date_add(month, interval '1 month', 'UTC')
    );
    execute format('alter table private.%I enable row level security', partition);
    made := made + 1;
  end loop;
  return made;
end
$$;
comment on function private.ensure_metric_partitions is
  'Makes the partitions from last month to so many months ahead; returns how many were missing';

select private.ensure_metric_partitions(2);

create function private.aggregate_metrics() returns integer
language plpgsql set search_path = ''
as $$
declare
  buckets integer;
begin
  insert into public.metric_rollups as r (organization_id, name, bucket, samples, minimum, maximum, average)
  select m.organization_id, m.name, date_bin('5 minutes', m.recorded_at, 'epoch'),
         count(*), min(m.value), max(m.value), avg(m.value)
  from public.metrics as m
  where m.recorded_at >= date_bin('5 minutes', now(), 'epoch') - interval '1 hour'
  group by 1, 2, 3
  order by 1, 2, 3 -- two runs at once lock in one order
  on conflict (organization_id, name, bucket) do update
  set samples = excluded.samples, minimum = excluded.minimum,
      maximum = excluded.maximum, average = excluded.average
  where r.samples is distinct from excluded.samples or r.average is distinct from excluded.average;
  get diagnostics buckets = row_count;
  return buckets;
end
$$;
comment on function private.aggregate_metrics is
  'Rolls up the last hour into buckets of five minutes; returns how many changed';

-- An anomaly is itself a metric, so that alert rules apply to it like to any other.
create function private.detect_anomalies() returns integer
language plpgsql set search_path = ''
as $$
declare
  anomalies integer;
begin
  with history as (
    select r.organization_id, r.name, r.bucket, r.average,
           avg(r.average) over earlier as usual,
           stddev_samp(r.average) over earlier as spread,
           count(*) over earlier as seen,
           row_number() over (partition by r.organization_id, r.name order by r.bucket desc) as age
    from public.metric_rollups as r
    where r.bucket >= now() - interval '1 day' and r.name <> 'anomaly_score'
    window earlier as (
      partition by r.organization_id, r.name order by r.bucket
      rows between unbounded preceding and 1 preceding
    )
  ),
  unusual as (
    select h.organization_id, h.name, h.bucket, abs(h.average - h.usual) / h.spread as score
    from history as h
    where h.age = 1 and h.seen >= 12 and h.spread > 0 and abs(h.average - h.usual) > 3 * h.spread
  )
  insert into public.metrics (organization_id, name, value, labels)
  select u.organization_id, 'anomaly_score', u.score, jsonb_build_object('metric', u.name, 'bucket', u.bucket)
  from unusual as u
  where not exists (
    select from public.metrics as m
    where m.organization_id = u.organization_id and m.name = 'anomaly_score'
      and m.labels = jsonb_build_object('metric', u.name, 'bucket', u.bucket)
  );
  get diagnostics anomalies = row_count;
  return anomalies;
end
$$;
comment on function private.detect_anomalies is
  'Records an anomaly_score where the newest rollup is over three deviations from its day; returns how many';

revoke execute on all functions in schema private from public;
