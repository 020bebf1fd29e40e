-- The schema and the roles that older projects name; none of the cryptography.
create schema if not exists pgsodium;
comment on schema pgsodium is 'shipworthy stand-in for pgsodium';
do $$
declare
  wanted name;
begin
  foreach wanted in array array['pgsodium_keyiduser', 'pgsodium_keyholder', 'pgsodium_keymaker'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I nologin', wanted);
    end if;
  end loop;
end
$$;
create table if not exists pgsodium.key (
  id uuid primary key default gen_random_uuid(),
  status text default 'valid',
  created timestamptz not null default now(),
  expires timestamptz,
  key_type text,
  key_id bigint,
  key_context bytea,
  name text unique,
  associated_data text,
  comment text
);
create or replace view pgsodium.valid_key as select * from pgsodium.key where status in ('valid', 'default');
create or replace function pgsodium.create_key(
  key_type text default 'aead-det', name text default null, raw_key bytea default null,
  raw_key_nonce bytea default null, parent_key uuid default null, key_context bytea default 'pgsodium',
  expires timestamptz default null, associated_data text default ''
) returns pgsodium.valid_key language sql as $$
  insert into pgsodium.key (key_type, name, expires, associated_data)
  values (create_key.key_type, create_key.name, create_key.expires, create_key.associated_data) returning *
$$;
