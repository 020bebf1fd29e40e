-- A tool for people and not for schemas: migrations create it, and call nothing of it.
create or replace function @extschema@.plpgsql_check_pragma(variadic name text[]) returns integer
language sql as $$ select 0 $$;
comment on function @extschema@.plpgsql_check_pragma(text[]) is 'shipworthy stand-in for plpgsql_check';
