-- The signatures of pg_tle; what is installed by it is not there afterwards.
create schema if not exists pgtle;
comment on schema pgtle is 'shipworthy stand-in for pg_tle';
create or replace function pgtle.install_extension(
  name text, version text, description text, ext text, requires text[] default null
) returns boolean language sql as $$ select true $$;
create or replace function pgtle.install_extension_version_sql(name text, version text, ext text) returns boolean
language sql as $$ select true $$;
create or replace function pgtle.install_update_path(name text, fromvers text, tovers text, ext text)
returns boolean language sql as $$ select true $$;
create or replace function pgtle.set_default_version(name text, version text) returns boolean
language sql as $$ select true $$;
create or replace function pgtle.uninstall_extension(extname text) returns boolean language sql as $$ select true $$;
create or replace function pgtle.uninstall_extension_if_exists(extname text) returns boolean
language sql as $$ select true $$;
