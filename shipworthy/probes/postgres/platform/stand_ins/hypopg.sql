-- The signatures; there are no hypothetical indexes.
create or replace function @extschema@.hypopg_create_index(sql_order text, out indexrelid oid, out indexname text)
returns setof record language sql as $$ select null::oid, null::text where false $$;
comment on function @extschema@.hypopg_create_index(text) is 'shipworthy stand-in for hypopg';
create or replace function @extschema@.hypopg_reset() returns void language sql as $$ select $$;
