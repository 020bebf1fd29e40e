create schema if not exists extensions;
create or replace view extensions.pg_stat_statements as
  select null::oid as userid, null::oid as dbid, null::bigint as queryid, null::text as query,
         null::bigint as calls, null::double precision as total_exec_time, null::double precision as mean_exec_time,
         null::bigint as rows
  where false;
comment on view extensions.pg_stat_statements is 'shipworthy stand-in for pg_stat_statements';
