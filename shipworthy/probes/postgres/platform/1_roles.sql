-- The roles of a Supabase project. Roles belong to the whole server, so each may be there already.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('postgres', 'login createdb createrole replication bypassrls'),
      ('anon', 'nologin noinherit'),
      ('authenticated', 'nologin noinherit'),
      ('service_role', 'nologin noinherit bypassrls'),
      ('authenticator', 'login noinherit'),
      ('supabase_admin', 'login superuser createdb createrole replication bypassrls'),
      ('supabase_auth_admin', 'login noinherit createrole'),
      ('supabase_storage_admin', 'login noinherit createrole'),
      ('dashboard_user', 'nologin createdb createrole replication')
    ) as role (name, options)
  loop
    continue when exists (select from pg_roles where rolname = wanted.name);
    execute format('create role %I %s', wanted.name, wanted.options);
  end loop;
end
$$;

grant anon, authenticated, service_role to authenticator, postgres;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
-- On the role, not on the database: a clone of a database does not inherit its settings.
alter role postgres set search_path = "$user", public, extensions;

create schema if not exists extensions;
create schema if not exists graphql_public;
create schema if not exists realtime authorization supabase_admin;
create schema if not exists auth authorization supabase_auth_admin;
create schema if not exists storage authorization supabase_storage_admin;
grant usage on schema public, extensions, graphql_public, realtime, auth, storage
  to postgres, anon, authenticated, service_role;
grant all on schema auth to supabase_auth_admin;
grant all on schema storage to supabase_storage_admin;

-- What Supabase does for every object that a project makes: the API's roles get everything, and row
-- level security is what protects a table. A table without it is open.
alter default privileges for role postgres, current_user in schema public
  grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres, current_user in schema public
  grant all on sequences to anon, authenticated, service_role;
alter default privileges for role postgres, current_user in schema public
  grant all on functions to anon, authenticated, service_role;

do $$
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime;
  end if;
end
$$;
