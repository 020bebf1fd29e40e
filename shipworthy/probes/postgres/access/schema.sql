-- What the tables of a project demand of a row: queries that give one row a thing, named as the
-- dataclasses of schema.py name it. Each follows `scope`: rel, the relations looked at.

-- read: scope
with rel as materialized (
  select c.*, n.nspname, format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f', 'v', 'm') and c.relpersistence <> 't'
    and (n.nspname <> all (:platform) and n.nspname !~ '^pg_' or format('%I.%I', n.nspname, c.relname) = any (:extra))
    and not exists (
      select from pg_catalog.pg_depend d where d.deptype = 'e'
        and (d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
          or d.classid = 'pg_catalog.pg_namespace'::regclass and d.objid = n.oid))
)

-- read: tables
select rel.oid::int8, rel.name, quote_ident(nspname) as schema,
  case relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table'
    when 'v' then 'view' else 'materialized view' end as kind,
  nspname = any (:exposed) as exposed, pg_catalog.pg_get_userbyid(relowner)::text as owner,
  relrowsecurity as rls, relforcerowsecurity as rls_forced, coalesce(reloptions, '{}') as options,
  array(select i.inhparent::regclass::text from pg_catalog.pg_inherits i where i.inhrelid = rel.oid order by i.inhseqno) as parents,
  pg_catalog.pg_get_partkeydef(rel.oid) as partition_key,
  case when relispartition then pg_catalog.pg_get_partition_constraintdef(rel.oid) end as bounds,
  relispartition
from rel order by rel.name

-- read: columns
select a.attrelid::int8 as relation, quote_ident(a.attname) as name, a.atttypid::int8 as type, a.atttypmod as modifier,
  pg_catalog.format_type(a.atttypid, a.atttypmod) as text,
  a.attnotnull as not_null, pg_catalog.pg_get_expr(d.adbin, d.adrelid) as default,
  case a.attidentity when 'a' then 'always' when 'd' then 'by default' else '' end as identity,
  a.attgenerated <> '' as generated
from rel join pg_catalog.pg_attribute a on a.attrelid = rel.oid and a.attnum > 0 and not a.attisdropped
left join pg_catalog.pg_attrdef d on d.adrelid = rel.oid and d.adnum = a.attnum
order by a.attrelid, a.attnum

-- read: types
, used as materialized (
  select distinct a.atttypid from pg_catalog.pg_attribute a join rel on rel.oid = a.attrelid where a.attnum > 0
)
select t.oid::int8, t.typname::text as name, t.typtype as kind, t.typnotnull as not_null, t.typdefault as default,
  t.typbasetype::int8 as beneath, t.typtypmod as modifier, pg_catalog.format_type(t.typbasetype, t.typtypmod) as beneath_text,
  case when t.typcategory = 'A' and t.typlen = -1 then t.typelem::int8 end as element,
  coalesce(r.rngsubtype, m.rngsubtype)::int8 as subtype, pg_catalog.format_type(coalesce(r.rngsubtype, m.rngsubtype), null) as subtype_text,
  case t.typtype when 'e' then array(
    select e.enumlabel::text from pg_catalog.pg_enum e where e.enumtypid = t.oid order by e.enumsortorder) end as labels,
  case t.typtype when 'c' then (
    select pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, a.atttypid::int8, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod)) order by a.attnum)
    from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) end as fields
from pg_catalog.pg_type t
left join pg_catalog.pg_range r on r.rngtypid = t.oid left join pg_catalog.pg_range m on m.rngmultitypid = t.oid
left join pg_catalog.pg_class c on c.oid = t.typrelid
where c.oid is null or c.relkind = 'c'
  or t.oid in (select atttypid from used)
  or t.typarray in (select atttypid from used)

-- read: constraints
select k.conrelid::int8 as relation, k.contypid::int8 as domain, quote_ident(k.conname) as name, k.contype as kind,
  pg_catalog.pg_get_constraintdef(k.oid) as definition, k.convalidated as validated,
  case k.contype when 'c' then pg_catalog.pg_get_expr(k.conbin, k.conrelid) end as expression,
  case when k.conrelid <> 0 then array(
    select quote_ident(a.attname) from unnest(k.conkey) with ordinality u(num, place)
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by u.place) end as columns,
  case k.contype when 'f' then k.confrelid::regclass::text end as target,
  case k.contype when 'f' then array(
    select quote_ident(a.attname) from unnest(k.confkey) with ordinality u(num, place)
    join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by u.place) end as target_columns,
  k.condeferrable as deferrable, k.confmatchtype = 'f' as match_full, k.conparentid <> 0 as inherited
from pg_catalog.pg_constraint k
left join rel on rel.oid = k.conrelid left join pg_catalog.pg_constraint above on above.oid = k.conparentid
where k.contype in ('c', 'f', 'x') and (rel.oid is not null or k.contypid <> 0)
  -- Who refers to a partitioned table has one more row here for each of its partitions.
  and above.conrelid is distinct from k.conrelid
order by k.conrelid, k.conname

-- read: keys
select i.indrelid::int8 as relation, quote_ident(c.relname) as name, i.indisprimary as primary,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate, 0 = any (i.indkey) as expressions,
  not coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) as nulls_distinct,
  pg_catalog.pg_get_indexdef(i.indexrelid) as definition,
  array(
    select quote_ident(a.attname) from pg_catalog.pg_attribute a
    where a.attrelid = i.indrelid and (a.attnum = any (i.indkey[0:i.indnkeyatts - 1]) or 0 = any (i.indkey) and exists (
      select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.indexrelid
        and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum))
      and a.attnum > 0
    order by pg_catalog.array_position(i.indkey::int2[], a.attnum)) as columns
from pg_catalog.pg_index i join rel on rel.oid = i.indrelid join pg_catalog.pg_class c on c.oid = i.indexrelid
where i.indisunique and i.indisvalid order by i.indrelid, i.indisprimary desc, c.relname

-- read: triggers
select t.tgrelid::int8 as relation, quote_ident(t.tgname) as name, t.tgfoid::regproc::text as function, p.prosrc as source,
  case when t.tgtype & 2 <> 0 then 'before' when t.tgtype & 64 <> 0 then 'instead of' else 'after' end as timing,
  array_remove(array[case when t.tgtype & 4 <> 0 then 'insert' end, case when t.tgtype & 8 <> 0 then 'delete' end,
    case when t.tgtype & 16 <> 0 then 'update' end, case when t.tgtype & 32 <> 0 then 'truncate' end], null) as events,
  t.tgtype & 1 <> 0 as each_row, t.tgenabled in ('O', 'A') as enabled, pg_catalog.pg_get_triggerdef(t.oid) as definition
from pg_catalog.pg_trigger t join rel on rel.oid = t.tgrelid join pg_catalog.pg_proc p on p.oid = t.tgfoid
where not t.tgisinternal order by t.tgrelid, t.tgname

-- read: policies
select p.polrelid::int8 as relation, p.polname::text as name, p.polpermissive as permissive,
  case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
  array(select case r when 0 then 'public' else pg_catalog.pg_get_userbyid(r)::text end from unnest(p.polroles) r) as roles,
  pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check
from pg_catalog.pg_policy p join rel on rel.oid = p.polrelid order by p.polrelid, p.polname
