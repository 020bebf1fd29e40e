"""A database that has an older platform already is completed, not replaced."""

from shipworthy.probes.postgres.bootstrap import bootstrap
from shipworthy.probes.postgres.migrate import apply_migrations, apply_seed
from shipworthy.probes.postgres.scratch import connect_scratch

OLDER = """
do $$ begin create role supabase_auth_admin; exception when duplicate_object then null; end $$;
create schema auth;
create table auth.users (
  instance_id uuid, id uuid not null unique, aud varchar(255), role varchar(255), email varchar(255) unique,
  encrypted_password varchar(255), confirmed_at timestamptz, confirmation_token varchar(255),
  raw_app_meta_data jsonb, raw_user_meta_data jsonb, created_at timestamptz, updated_at timestamptz
);
create function auth.uid() returns uuid language sql stable as
  $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
create schema storage;
create table storage.buckets (
  id text primary key, name text not null unique, owner uuid,
  created_at timestamptz default now(), updated_at timestamptz default now()
);
create function storage.foldername(name text) returns text[] language plpgsql as
  $$ declare parts text[]; begin select string_to_array(name, '/') into parts; return parts[1:1]; end $$;
"""


def test_an_older_platform_is_completed(scratch, reference_project):
    dsn = scratch.clone(scratch.template("older", run_sql(OLDER)))
    with connect_scratch(dsn) as connection:
        bootstrap(connection)
        apply_migrations(connection, reference_project)
        apply_seed(connection, reference_project)
        users = connection.execute("select count(email_confirmed_at) from auth.users").fetchone()
        assert users == (2,)
        assert connection.execute("select count(*) from storage.buckets where not public").fetchone() == (3,)
    scratch.drop(dsn)


def run_sql(sql: str):
    def run(dsn):
        with connect_scratch(dsn) as connection:
            connection.execute(sql)

    return run
