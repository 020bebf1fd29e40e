-- The message queue as plain tables: enough for queues to be made, filled, read and guarded.
create schema if not exists pgmq;
comment on schema pgmq is 'shipworthy stand-in for pgmq';
create table if not exists pgmq.meta (
  queue_name varchar unique not null,
  is_partitioned boolean not null,
  is_unlogged boolean not null,
  created_at timestamptz not null default now()
);
do $$
begin
  if to_regtype('pgmq.message_record') is null then
    create type pgmq.message_record as (
      msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb, headers jsonb
    );
    create type pgmq.queue_record as (
      queue_name varchar, is_partitioned boolean, is_unlogged boolean, created_at timestamptz
    );
    create type pgmq.metrics_result as (
      queue_name text, queue_length bigint, newest_msg_age_sec integer, oldest_msg_age_sec integer,
      total_messages bigint, scrape_time timestamptz, queue_visible_length bigint
    );
  end if;
end
$$;
create or replace function pgmq.create_non_partitioned(queue_name text) returns void language plpgsql as $$
begin
  execute format(
    'create table if not exists pgmq.%I (msg_id bigint primary key generated always as identity,'
    ' read_ct integer not null default 0, enqueued_at timestamptz not null default now(),'
    ' vt timestamptz not null, message jsonb, headers jsonb)', 'q_' || lower(queue_name));
  execute format(
    'create table if not exists pgmq.%I (msg_id bigint primary key, read_ct integer not null default 0,'
    ' enqueued_at timestamptz not null default now(), archived_at timestamptz not null default now(),'
    ' vt timestamptz not null, message jsonb, headers jsonb)', 'a_' || lower(queue_name));
  insert into pgmq.meta values (create_non_partitioned.queue_name, false, false) on conflict do nothing;
end
$$;
create or replace function pgmq.create_unlogged(queue_name text) returns void
language sql as $$ select pgmq.create_non_partitioned(queue_name) $$;
create or replace function pgmq."create"(queue_name text) returns void
language sql as $$ select pgmq.create_non_partitioned(queue_name) $$;
create or replace function pgmq.drop_queue(queue_name text) returns boolean language plpgsql as $$
begin
  execute format('drop table if exists pgmq.%I, pgmq.%I', 'q_' || lower(queue_name), 'a_' || lower(queue_name));
  delete from pgmq.meta as m where m.queue_name = drop_queue.queue_name;
  return found;
end
$$;
create or replace function pgmq.list_queues() returns setof pgmq.queue_record
language sql as $$ select queue_name, is_partitioned, is_unlogged, created_at from pgmq.meta $$;
create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay timestamptz)
returns setof bigint language plpgsql as $$
begin
  return query execute format(
    'insert into pgmq.%I (vt, message, headers) values ($1, $2, $3) returning msg_id', 'q_' || lower(queue_name)
  ) using delay, msg, headers;
end
$$;
create or replace function pgmq.send(queue_name text, msg jsonb) returns setof bigint
language sql as $$ select pgmq.send(queue_name, msg, null, clock_timestamp()) $$;
create or replace function pgmq.send(queue_name text, msg jsonb, delay integer) returns setof bigint
language sql as $$ select pgmq.send(queue_name, msg, null, clock_timestamp() + make_interval(secs => delay)) $$;
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[]) returns setof bigint
language sql as $$ select pgmq.send(queue_name, msg) from unnest(msgs) as msg $$;
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], delay integer) returns setof bigint
language sql as $$ select pgmq.send(queue_name, msg, delay) from unnest(msgs) as msg $$;
create or replace function pgmq.read(queue_name text, vt integer, qty integer, conditional jsonb default '{}')
returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'update pgmq.%1$I as m set vt = clock_timestamp() + make_interval(secs => $1), read_ct = read_ct + 1'
    ' where msg_id in (select msg_id from pgmq.%1$I where vt <= clock_timestamp() order by msg_id limit $2'
    ' for update skip locked)'
    ' returning m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers', 'q_' || lower(queue_name)
  ) using vt, qty;
end
$$;
create or replace function pgmq.read_with_poll(
  queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100, conditional jsonb default '{}'
) returns setof pgmq.message_record language sql as $$ select * from pgmq.read(queue_name, vt, qty) $$;
create or replace function pgmq.pop(queue_name text) returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'delete from pgmq.%1$I as m where msg_id = (select msg_id from pgmq.%1$I where vt <= clock_timestamp()'
    ' order by msg_id limit 1 for update skip locked)'
    ' returning m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers', 'q_' || lower(queue_name));
end
$$;
create or replace function pgmq.delete(queue_name text, msg_id bigint) returns boolean language plpgsql as $$
declare
  gone integer;
begin
  execute format('delete from pgmq.%I where msg_id = $1', 'q_' || lower(queue_name)) using msg_id;
  get diagnostics gone = row_count;
  return gone > 0;
end
$$;
create or replace function pgmq.delete(queue_name text, msg_ids bigint[]) returns setof bigint
language sql as $$ select id from unnest(msg_ids) as id where pgmq.delete(queue_name, id) $$;
create or replace function pgmq.archive(queue_name text, msg_id bigint) returns boolean language plpgsql as $$
declare
  moved integer;
begin
  execute format(
    'with gone as (delete from pgmq.%I where msg_id = $1 returning msg_id, vt, read_ct, enqueued_at, message, headers)'
    ' insert into pgmq.%I (msg_id, vt, read_ct, enqueued_at, message, headers) select * from gone',
    'q_' || lower(queue_name), 'a_' || lower(queue_name)) using msg_id;
  get diagnostics moved = row_count;
  return moved > 0;
end
$$;
create or replace function pgmq.archive(queue_name text, msg_ids bigint[]) returns setof bigint
language sql as $$ select id from unnest(msg_ids) as id where pgmq.archive(queue_name, id) $$;
create or replace function pgmq.purge_queue(queue_name text) returns bigint language plpgsql as $$
declare
  gone bigint;
begin
  execute format('delete from pgmq.%I', 'q_' || lower(queue_name));
  get diagnostics gone = row_count;
  return gone;
end
$$;
create or replace function pgmq.set_vt(queue_name text, msg_id bigint, vt integer)
returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'update pgmq.%I as m set vt = clock_timestamp() + make_interval(secs => $2) where m.msg_id = $1'
    ' returning m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers', 'q_' || lower(queue_name)
  ) using msg_id, vt;
end
$$;
create or replace function pgmq.metrics(queue_name text) returns pgmq.metrics_result language plpgsql as $$
declare
  result pgmq.metrics_result;
begin
  execute format(
    'select %L, count(*), extract(epoch from now() - max(enqueued_at))::integer,'
    ' extract(epoch from now() - min(enqueued_at))::integer, coalesce(max(msg_id), 0), now(),'
    ' count(*) filter (where vt <= now()) from pgmq.%I', queue_name, 'q_' || lower(queue_name)) into result;
  return result;
end
$$;
create or replace function pgmq.metrics_all() returns setof pgmq.metrics_result
language sql as $$ select pgmq.metrics(queue_name::text) from pgmq.meta $$;
