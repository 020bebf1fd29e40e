-- What statements on each of these relations (by number) can come to: privileges of each role on it and
-- on its columns, what a view can write, and the tables beneath a view.

-- read: privileges
select c.oid::int8 as relation, r.role,
  pg_catalog.has_table_privilege(r.role, c.oid, 'select') as whole,
  pg_catalog.has_table_privilege(r.role, c.oid, 'delete') as delete,
  pg_catalog.has_table_privilege(r.role, c.oid, 'truncate') as truncate,
  case when not pg_catalog.has_table_privilege(r.role, c.oid, 'select') then {columns_select} end as select,
  case when not pg_catalog.has_table_privilege(r.role, c.oid, 'insert') then {columns_insert} end as insert,
  case when not pg_catalog.has_table_privilege(r.role, c.oid, 'update') then {columns_update} end as update
from pg_catalog.pg_class c cross join unnest(%(roles)s::text[]) as r (role)
where c.oid = any (%(relations)s::oid[])

-- read: views
with recursive beneath as (
  select c.oid as view, c.oid as relation from pg_catalog.pg_class c
  where c.oid = any (%(relations)s::oid[]) and c.relkind in ('v', 'm')
  union
  select b.view, d.refobjid from beneath b
  join pg_catalog.pg_rewrite r on r.ev_class = b.relation
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
    and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> b.relation
)
select b.view::int8 as relation, pg_catalog.pg_relation_is_updatable(b.view, true) as writable,
  array(select quote_ident(a.attname) from pg_catalog.pg_attribute a
        where a.attrelid = b.view and a.attnum > 0 and not a.attisdropped
          and pg_catalog.pg_column_is_updatable(b.view, a.attnum, true)) as columns,
  array_agg(c.oid::int8) filter (where c.relkind in ('r', 'p')) as tables
from beneath b join pg_catalog.pg_class c on c.oid = b.relation
group by b.view
