-- What a database is made of: queries that give (name, definition, parents), one section a kind; parents
-- are the facts ("table public.documents") without which there is no such fact. All of them are sent as
-- one statement behind `scope`, which names what belongs to the project and is worked out only once:
-- app (its schemas), rel (its relations that are no partition), fun (its functions), typ (its types),
-- ext (what extensions own).

-- kind: scope
with owners as (
  -- Whoever runs the migrations is called postgres on Supabase and may be called otherwise elsewhere.
  select r.oid, case when r.rolname in ('postgres', 'pg_database_owner') or r.oid = d.datdba then 'the project'
    else r.rolname end as name
  from pg_catalog.pg_roles r cross join pg_catalog.pg_database d where d.datname = current_database()
), ext as (
  select classid, objid from pg_catalog.pg_depend where deptype = 'e'
), app as (
  select n.oid, n.nspname, n.nspowner, n.nspacl, quote_ident(n.nspname) as name from pg_catalog.pg_namespace n
  where n.nspname <> all (:platform) and n.nspname !~ '^pg_'
    and not exists (select from ext where classid = 'pg_catalog.pg_namespace'::regclass and objid = n.oid)
), rel as (
  select c.*, app.name || '.' || quote_ident(c.relname) as name, 'schema ' || app.name as within,
    case c.relkind when 'v' then 'view ' when 'm' then 'view ' when 'S' then 'sequence ' when 'c' then 'type '
      else 'table ' end || app.name || '.' || quote_ident(c.relname) as subject
  from pg_catalog.pg_class c join app on app.oid = c.relnamespace
  where c.relpersistence <> 't' and not c.relispartition
    and not exists (select from ext where classid = 'pg_catalog.pg_class'::regclass and objid = c.oid)
    and app.nspname || '.' || c.relname <> all (:stood_in)
), fun as (
  select p.*, format('%I.%I(%s)', app.nspname, p.proname,
                     pg_catalog.pg_get_function_identity_arguments(p.oid)) as name, 'schema ' || app.name as within
  from pg_catalog.pg_proc p join app on app.oid = p.pronamespace
  where not exists (select from pg_catalog.pg_depend d  -- an extension's, or the constructor of a range
                    where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype in ('e', 'i'))
    and app.nspname || '.' || p.proname <> all (:stood_in)
), of_ext as (
  select d.objid as type, quote_ident(e.extname) as name from pg_catalog.pg_depend d
  join pg_catalog.pg_extension e on e.oid = d.refobjid
  where d.classid = 'pg_catalog.pg_type'::regclass and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'e'
), typ as (
  select t.*, app.name || '.' || quote_ident(t.typname) as name, 'schema ' || app.name as within
  from pg_catalog.pg_type t join app on app.oid = t.typnamespace
  left join pg_catalog.pg_class c on c.oid = t.typrelid
  where (t.typtype in ('e', 'd', 'r') or c.relkind = 'c')
    and not exists (select from ext where classid = 'pg_catalog.pg_type'::regclass and objid = t.oid)
    and app.nspname || '.' || t.typname <> all (:stood_in)
), counts as (
  select d.objid as sequence, d.deptype, o.subject as table_subject, o.name || '.' || quote_ident(a.attname) as counted
  from pg_catalog.pg_depend d join rel o on o.oid = d.refobjid
  join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
    and d.deptype in ('a', 'i') and d.refobjsubid > 0
), acl as (
  select 'schema ' || name as object, nspowner as owner, coalesce(nspacl, pg_catalog.acldefault('n', nspowner)) as entries,
    array['schema ' || name] as parents from app
  union all
  select case relkind when 'S' then 'sequence ' else 'table ' end || name, relowner,
    coalesce(relacl, pg_catalog.acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)),
    array[within, subject, counts.table_subject]
  from rel left join counts on counts.sequence = rel.oid where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select format('column %s.%I', rel.name, a.attname), rel.relowner, a.attacl,
    array[within, subject, format('column %s.%I', rel.name, a.attname)]
  from rel join pg_catalog.pg_attribute a on a.attrelid = rel.oid where a.attacl is not null and not a.attisdropped
  union all
  select 'function ' || name, proowner, coalesce(proacl, pg_catalog.acldefault('f', proowner)),
    array[within, 'function ' || name] from fun
  union all
  select 'type ' || name, typowner, coalesce(typacl, pg_catalog.acldefault('T', typowner)),
    array[within, 'type ' || name] from typ
  union all
  select 'foreign server ' || quote_ident(srvname), srvowner, srvacl, array['foreign server ' || quote_ident(srvname)]
  from pg_catalog.pg_foreign_server where srvacl is not null
  union all
  -- The platform gives the Data API's roles nothing on these tables, so whatever they have is the project's.
  select format('table %I.%I', n.nspname, c.relname), c.relowner, (
      select array_agg(i) from unnest(c.relacl) i
      where i::text ~ '^(anon|authenticated)?='), null
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('auth', 'vault') and c.relkind in ('r', 'v') and c.relacl::text ~ '[{,](anon|authenticated)?='
), policies as (
  select p.polname, p.polrelid, format('%s for %s to %s', case when p.polpermissive then 'permissive' else 'restrictive' end,
      case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      (select string_agg(case r when 0 then 'public' else pg_catalog.pg_get_userbyid(r)::text end, ', ' order by r = 0,
              pg_catalog.pg_get_userbyid(r)::text) from unnest(p.polroles) r))
    || coalesce(E'\nusing (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
    || coalesce(E'\nwith check (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') as definition
  from pg_catalog.pg_policy p
)

-- The owner of public differs with the age of a project.
-- kind: schema
select app.name, concat_ws(' ', 'schema', case when nspname <> 'public' then 'owned by ' || owners.name end), null::text[]
from app join owners on owners.oid = nspowner

-- kind: table
select rel.name, concat_ws(' ', case relkind when 'p' then 'partitioned' when 'f' then 'foreign' end,
  case relpersistence when 'u' then 'unlogged' end, 'table', pg_catalog.pg_get_partkeydef(rel.oid),
  'owned by', owners.name,
  (select 'inherits ' || string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno)
   from pg_catalog.pg_inherits i where i.inhrelid = rel.oid),
  (select 'with ' || string_agg(o, ', ' order by o) from unnest(rel.reloptions) o),
  (select format('from %I', s.srvname) || coalesce(' options ' || (select string_agg(o, ', ' order by o) from unnest(f.ftoptions) o), '')
   from pg_catalog.pg_foreign_table f join pg_catalog.pg_foreign_server s on s.oid = f.ftserver where f.ftrelid = rel.oid)
  ), array[within]
from rel join owners on owners.oid = relowner where relkind in ('r', 'p', 'f')

-- What a type does by default about storage is no decision of the project.
-- kind: column
select format('%s.%I', rel.name, a.attname), concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod),
  case when a.attcollation <> t.typcollation then 'collate ' || a.attcollation::regcollation::text end,
  case when a.attnotnull then 'not null' end,
  case a.attidentity when 'a' then 'generated always as identity' when 'd' then 'generated by default as identity' end,
  case a.attgenerated when '' then 'default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    else 'generated always as (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ')' end,
  case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
  case when a.attstorage <> t.typstorage then 'storage ' ||
    case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end end,
  case a.attcompression when 'p' then 'compression pglz' when 'l' then 'compression lz4' end,
  case when a.attstattarget > 0 then 'statistics ' || a.attstattarget end,
  (select 'options ' || string_agg(o, ', ' order by o) from unnest(a.attoptions || a.attfdwoptions) o
   where o not like 'pg_attver=%')),  -- the server's own, since the releases of November 2026
  array[rel.within, rel.subject, (select 'extension ' || of_ext.name from of_ext where of_ext.type = a.atttypid)]
from rel join pg_catalog.pg_attribute a on a.attrelid = rel.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef d on d.adrelid = rel.oid and d.adnum = a.attnum
where rel.relkind in ('r', 'p', 'f', 'c')

-- Not-null constraints have rows of their own since Postgres 18; columns carry that fact on every version.
-- kind: constraint
select format('%s.%I', rel.name, k.conname), pg_catalog.pg_get_constraintdef(k.oid),
  array[rel.within, rel.subject, other.subject] || (
    select array_agg(format('column %s.%I', rel.name, a.attname)) from pg_catalog.pg_attribute a
    where a.attrelid = rel.oid and a.attnum = any (k.conkey)) || (
    select array_agg(format('column %s.%I', other.name, a.attname)) from pg_catalog.pg_attribute a
    where a.attrelid = other.oid and a.attnum = any (k.confkey))
from rel join pg_catalog.pg_constraint k on k.conrelid = rel.oid
left join rel other on other.oid = k.confrelid
where k.contype in ('c', 'p', 'u', 'f', 'x')

-- kind: index
select format('%s.%I', rel.name, i.relname), pg_catalog.pg_get_indexdef(x.indexrelid)
  || case when x.indisvalid and x.indisready and x.indislive then '' else ' INVALID' end
  || case when x.indisclustered then ' CLUSTERED' else '' end,
  array[rel.within, rel.subject] || (
    select array_agg(format('column %s.%I', rel.name, a.attname)) from pg_catalog.pg_attribute a
    where a.attrelid = rel.oid and a.attnum = any (x.indkey))
from rel join pg_catalog.pg_index x on x.indrelid = rel.oid join pg_catalog.pg_class i on i.oid = x.indexrelid
where not exists (select from pg_catalog.pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))
  or not x.indisvalid

-- kind: view
select rel.name, concat_ws(' ', case relkind when 'm' then 'materialized' end, 'view owned by', owners.name, (select 'with ' || string_agg(o, ', ' order by o) from unnest(reloptions) o))
  || E'\n' || pg_catalog.pg_get_viewdef(rel.oid), array[within]
from rel join owners on owners.oid = relowner where relkind in ('v', 'm')

-- kind: contents
select name, 'populated', array[within, subject] from rel where relkind = 'm' and relispopulated

-- kind: sequence
select rel.name, format('%s start %s increment %s min %s max %s cache %s%s', s.seqtypid::regtype, s.seqstart,
  s.seqincrement, s.seqmin, s.seqmax, s.seqcache, case when s.seqcycle then ' cycle' else '' end)
  || case counts.deptype when 'i' then ' identity of ' || counts.counted when 'a' then ' counts ' || counts.counted
     else ' owned by ' || owners.name end,
  array[rel.within, counts.table_subject, 'column ' || counts.counted]
from rel join pg_catalog.pg_sequence s on s.seqrelid = rel.oid join owners on owners.oid = rel.relowner
left join counts on counts.sequence = rel.oid

-- kind: function
select fun.name, 'owned by ' || owners.name || E'\n' || pg_catalog.pg_get_functiondef(fun.oid), array[within] || (
  select array_agg('extension ' || of_ext.name) from of_ext
  where of_ext.type = any (fun.proargtypes || fun.proallargtypes || fun.prorettype))
from fun join owners on owners.oid = proowner where prokind in ('f', 'p', 'w')
union all
select name, concat_ws(' ', 'aggregate', a.aggtransfn, 'on', a.aggtranstype::regtype, 'from ' || a.agginitval,
  nullif('finally ' || a.aggfinalfn, 'finally -'), nullif('combined by ' || a.aggcombinefn, 'combined by -')), array[within]
from fun join pg_catalog.pg_aggregate a on a.aggfnoid = fun.oid

-- kind: trigger
select format('%I.%I.%I', n.nspname, c.relname, t.tgname), pg_catalog.pg_get_triggerdef(t.oid)
  || case t.tgenabled when 'D' then ' DISABLED' when 'A' then ' ALWAYS' when 'R' then ' REPLICA' else '' end,
  array[rel.within, rel.subject, 'function ' || fun.name]
from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join rel on rel.oid = c.oid left join fun on fun.oid = t.tgfoid
where not t.tgisinternal and not c.relispartition and (rel.oid is not null or fun.oid is not null)
union all
select 'event trigger ' || e.evtname, concat_ws(' ', e.evtevent, e.evttags::text, e.evtfoid::regprocedure::text,
  case e.evtenabled when 'D' then 'DISABLED' when 'A' then 'ALWAYS' when 'R' then 'REPLICA' end), array['function ' || fun.name]
from pg_catalog.pg_event_trigger e join fun on fun.oid = e.evtfoid

-- kind: rule
select format('%s.%I', rel.name, r.rulename), pg_catalog.pg_get_ruledef(r.oid)
  || case r.ev_enabled when 'D' then ' DISABLED' when 'A' then ' ALWAYS' when 'R' then ' REPLICA' else '' end,
  array[within, subject]
from rel join pg_catalog.pg_rewrite r on r.ev_class = rel.oid where r.rulename <> '_RETURN'

-- kind: policy
select format('%I.%I.%I', n.nspname, c.relname, p.polname), p.definition, array[rel.within, rel.subject]
from policies p join pg_catalog.pg_class c on c.oid = p.polrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join rel on rel.oid = c.oid
where rel.oid is not null or format('%s.%s', n.nspname, c.relname) = any (:shared)

-- kind: row level security
select name, case when relrowsecurity then 'enabled' else 'disabled' end
  || case when relforcerowsecurity then ', forced' else '' end, array[within, subject]
from rel where relkind in ('r', 'p')

-- A privilege that only some versions know (MAINTAIN, since 17) comes and goes with "grant all".
-- kind: grant
select format('%s to %s', acl.object, case e.grantee when 0 then 'public' else quote_ident(pg_catalog.pg_get_userbyid(e.grantee)) end),
  string_agg(distinct lower(e.privilege_type) || case when e.is_grantable then ' with grant option' else '' end, ', '),
  acl.parents || case when e.grantee <> 0 then 'role ' || quote_ident(pg_catalog.pg_get_userbyid(e.grantee)) end
from acl cross join lateral pg_catalog.aclexplode(acl.entries) e
where e.grantee <> acl.owner and e.grantee not in (select oid from owners where owners.name = 'the project')
  and e.privilege_type <> 'MAINTAIN'
  and pg_catalog.pg_get_userbyid(e.grantee) <> all (array_remove(:roles, :hooks))  -- sign-in hooks are the project's
group by acl.object, e.grantee, acl.parents

-- For the Data API's roles in public also where there are none: the platform sets some.
-- kind: default privileges
select format('for %s in %s to %s', k.what, s.name, g.name), coalesce(may.list, 'none'),
  array['schema ' || s.name, 'role ' || g.name]
from (values ('r', 'tables', ''), ('S', 'sequences', ''), ('f', 'functions', 'execute'), ('T', 'types', 'usage'),
             ('n', 'schemas', '')) k (type, what, everyone)
cross join (select oid, name from app union all select 0, 'every schema') s
cross join (
  select oid, quote_ident(rolname) as name, rolname in ('anon', 'authenticated', 'service_role') as api
  from pg_catalog.pg_roles where rolname <> all (:roles) and oid not in (select oid from owners where name = 'the project')
  union all select 0, 'public', false) g
left join lateral (
  select string_agg(distinct lower(e.privilege_type) || case when e.is_grantable then ' with grant option' else '' end, ', ') as list,
    count(distinct d.oid) as entries
  from pg_catalog.pg_default_acl d join owners on owners.oid = d.defaclrole and owners.name = 'the project'
  left join lateral pg_catalog.aclexplode(d.defaclacl) e on e.grantee = g.oid and e.privilege_type <> 'MAINTAIN'
  where d.defaclobjtype = k.type::"char" and d.defaclnamespace = s.oid) may on true
where (s.name = 'public' and g.api and k.type in ('r', 'S', 'f'))
  or (case when s.oid = 0 and g.oid = 0 and k.type in ('f', 'T')  -- what Postgres itself gives to everyone
      then may.entries > 0 and may.list is distinct from k.everyone else may.list is not null end)

-- kind: type
select name, 'enum ' || (
  select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
  from pg_catalog.pg_enum e where e.enumtypid = typ.oid), array[within] from typ where typtype = 'e'
union all
select name, concat_ws(' ', 'domain', pg_catalog.format_type(typbasetype, typtypmod),
  case when typnotnull then 'not null' end, 'default ' || typdefault, (
    select string_agg(format('constraint %I ', k.conname) || pg_catalog.pg_get_constraintdef(k.oid), ' ' order by k.conname)
    from pg_catalog.pg_constraint k where k.contypid = typ.oid and k.contype = 'c')), array[within]
from typ where typtype = 'd'
union all
select name, 'composite', array[within] from typ where typtype = 'c'
union all
select name, concat_ws(' ', 'range of', r.rngsubtype::regtype, nullif('canonical ' || r.rngcanonical, 'canonical -'),
  nullif('difference ' || r.rngsubdiff, 'difference -')), array[within]
from typ join pg_catalog.pg_range r on r.rngtypid = typ.oid

-- kind: publication
select quote_ident(pubname), concat_ws(' ', 'publishes', concat_ws(', ', case when pubinsert then 'insert' end,
  case when pubupdate then 'update' end, case when pubdelete then 'delete' end, case when pubtruncate then 'truncate' end),
  case when puballtables then 'of all tables' end, case when pubviaroot then 'via the root' end), null::text[]
from pg_catalog.pg_publication where pubname !~ '^supabase_realtime_'
union all
select format('%I of %s', p.pubname, rel.name), concat_ws(' ', 'published',
  'columns ' || (select string_agg(quote_ident(a.attname), ', ' order by a.attname) from pg_catalog.pg_attribute a
                 where a.attrelid = rel.oid and a.attnum = any (r.prattrs::int2[])),
  'where ' || pg_catalog.pg_get_expr(r.prqual, r.prrelid)),
  array[within, subject, 'publication ' || quote_ident(p.pubname)]
from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid join rel on rel.oid = r.prrelid
union all
select format('%I of schema %s', p.pubname, app.name), 'published', array['schema ' || app.name, 'publication ' || quote_ident(p.pubname)]
from pg_catalog.pg_publication p join pg_catalog.pg_publication_namespace r on r.pnpubid = p.oid join app on app.oid = r.pnnspid

-- kind: replica identity
select rel.name, case relreplident when 'f' then 'full' when 'n' then 'nothing' when 'i' then 'index ' || (
    select quote_ident(i.relname) from pg_catalog.pg_index x join pg_catalog.pg_class i on i.oid = x.indexrelid
    where x.indrelid = rel.oid and x.indisreplident) else 'default' end, array[within, subject]
from rel where relkind in ('r', 'p')

-- kind: statistics
select format('%s.%I', app.name, s.stxname), pg_catalog.pg_get_statisticsobjdef(s.oid), array['schema ' || app.name, rel.subject]
from pg_catalog.pg_statistic_ext s join app on app.oid = s.stxnamespace join rel on rel.oid = s.stxrelid

-- kind: collation
select format('%s.%I', app.name, c.collname), concat_ws(' ', 'collation', c.collprovider, c.collcollate,
  case when not c.collisdeterministic then 'nondeterministic' end), array['schema ' || app.name]
from pg_catalog.pg_collation c join app on app.oid = c.collnamespace
where not exists (select from ext where classid = 'pg_catalog.pg_collation'::regclass and objid = c.oid)

-- kind: text search
select format('configuration %s.%I', app.name, c.cfgname), 'maps ' || coalesce((
  select string_agg(format('%s: %s', m.tokens, m.dictionary), '; ' order by m.dictionary, m.tokens) from (
    select string_agg(maptokentype::text || '/' || mapseqno, ',' order by maptokentype, mapseqno) as tokens, mapdict::regdictionary::text as dictionary
    from pg_catalog.pg_ts_config_map where mapcfg = c.oid group by mapdict) m), 'nothing'), array['schema ' || app.name]
from pg_catalog.pg_ts_config c join app on app.oid = c.cfgnamespace
where not exists (select from ext where classid = 'pg_catalog.pg_ts_config'::regclass and objid = c.oid)
union all
select format('dictionary %s.%I', app.name, d.dictname), concat_ws(' ', 'dictionary', d.dictinitoption), array['schema ' || app.name]
from pg_catalog.pg_ts_dict d join app on app.oid = d.dictnamespace
where not exists (select from ext where classid = 'pg_catalog.pg_ts_dict'::regclass and objid = d.oid)

-- Options of servers and user mappings are addresses and secrets of one environment: only their names count.
-- kind: foreign server
select quote_ident(s.srvname), format('of %I', w.fdwname) || coalesce(' with ' || (
  select string_agg(split_part(o, '=', 1), ', ' order by o) from unnest(s.srvoptions) o), ''), null::text[]
from pg_catalog.pg_foreign_server s join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw
where not exists (select from ext where classid = 'pg_catalog.pg_foreign_server'::regclass and objid = s.oid)
union all
select format('%I for %s', s.srvname, case m.umuser when 0 then 'public' else m.usename::text end), 'mapped', array['foreign server ' || quote_ident(s.srvname)]
from pg_catalog.pg_user_mappings m join pg_catalog.pg_foreign_server s on s.oid = m.srvid
where m.umuser not in (select oid from owners where owners.name = 'the project')

-- kind: operator
select format('%s.%s (%s, %s)', app.name, o.oprname, o.oprleft::regtype, o.oprright::regtype), o.oprcode::text, array['schema ' || app.name]
from pg_catalog.pg_operator o join app on app.oid = o.oprnamespace
where not exists (select from ext where classid = 'pg_catalog.pg_operator'::regclass and objid = o.oid)
union all
select format('cast from %s to %s', k.castsource::regtype, k.casttarget::regtype),
  format('%s %s', coalesce(nullif(k.castfunc, 0)::regprocedure::text, 'without function'), k.castcontext), null::text[]
from pg_catalog.pg_cast k where k.castfunc in (select oid from fun) or k.castsource in (select oid from typ) or k.casttarget in (select oid from typ)

-- Jobs create partitions as time goes by, so their names and number are no facts of the schema.
-- What must agree is how they are guarded: the distinct ways, over all partitions of one parent.
-- kind: partitions
select root.name, string_agg(distinct guard.how, E'\n' order by guard.how), array[root.within, root.subject]
from rel root cross join lateral pg_catalog.pg_partition_tree(root.oid) leaf
join pg_catalog.pg_class c on c.oid = leaf.relid
cross join lateral (select concat_ws('; ',
  'row level security ' || case when c.relrowsecurity then 'enabled' else 'disabled' end,
  (select string_agg(p.polname || ' ' || p.definition, ', ' order by p.polname) from policies p where p.polrelid = c.oid),
  (select string_agg(g.grantee || ' may ' || g.what, ', ' order by g.grantee, g.what) from (
    select case e.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(e.grantee)::text end as grantee,
           lower(e.privilege_type) as what
    from pg_catalog.aclexplode(c.relacl) e
    where e.grantee <> c.relowner and e.grantee not in (select oid from owners where owners.name = 'the project')
      and e.privilege_type <> 'MAINTAIN'
      and pg_catalog.pg_get_userbyid(e.grantee) <> all (:roles)) g)) as how) guard
where root.relkind = 'p' and leaf.level > 0
group by root.name, root.within, root.subject

-- Where an extension's objects lie; its version differs from server to server.
-- kind: extension
select quote_ident(e.extname), coalesce('in ' || (
    select string_agg(distinct coalesce(p.pronamespace, t.typnamespace, c.relnamespace)::regnamespace::text, ', ')
    from pg_catalog.pg_depend d
    left join pg_catalog.pg_proc p on d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid
    left join pg_catalog.pg_type t on d.classid = 'pg_catalog.pg_type'::regclass and t.oid = d.objid
    left join pg_catalog.pg_class c on d.classid = 'pg_catalog.pg_class'::regclass and c.oid = d.objid
    where d.deptype = 'e' and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.refobjid = e.oid), 'installed'), null::text[]
from pg_catalog.pg_extension e where e.extname <> all (:given)
union all
select distinct substr(description, length(:mark) + 1), 'stood in for', null::text[] from pg_catalog.pg_description
where starts_with(description, :mark) and substr(description, length(:mark) + 1) <> all (:given)

-- kind: extension version
select quote_ident(extname), extversion, null::text[] from pg_catalog.pg_extension

-- kind: role
select quote_ident(rolname), concat_ws(', ', case when rolcanlogin then 'login' else 'nologin' end,
  case when rolsuper then 'superuser' end, case when rolcreaterole then 'createrole' end,
  case when rolcreatedb then 'createdb' end, case when rolreplication then 'replication' end,
  case when rolbypassrls then 'bypassrls' end,
  case when not rolinherit and rolname not in ('anon', 'authenticated', 'service_role', 'authenticator') then 'noinherit' end), null::text[]
from pg_catalog.pg_roles
where rolname <> all (:roles) and rolname !~ :reserved and oid not in (select oid from owners where name = 'the project')

-- Postgres 16 writes one row a grantor.
-- kind: membership
select format('%I in %I', m.rolname, r.rolname), 'member' || case when bool_or(a.admin_option) then ' with admin option' else '' end,
  array['role ' || quote_ident(m.rolname), 'role ' || quote_ident(r.rolname)]
from pg_catalog.pg_auth_members a join pg_catalog.pg_roles m on m.oid = a.member join pg_catalog.pg_roles r on r.oid = a.roleid
where m.rolname <> all (:roles) and m.oid not in (select oid from owners where name = 'the project') and m.rolname !~ :reserved
  and r.rolname !~ '^(pgsodium|pgtle)_'  -- the service's own, on projects of some ages
group by m.rolname, r.rolname

-- kind: role setting
select format('%I %s', r.rolname, s.name) || case when d.setdatabase <> 0 then ' in this database' else '' end, s.value, array['role ' || quote_ident(r.rolname)]
from pg_catalog.pg_db_role_setting d join pg_catalog.pg_roles r on r.oid = d.setrole
cross join lateral (select split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value from unnest(d.setconfig) c) s
where (d.setdatabase = 0 or d.setdatabase = (select oid from pg_catalog.pg_database where datname = current_database()))
  and r.rolname <> all (:roles) and r.oid not in (select oid from owners where owners.name = 'the project')
  and s.name !~ 'password|secret|token'
  and not (r.rolname = 'authenticator' and s.name || '=' || s.value = any (:usual))
