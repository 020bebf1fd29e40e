-- What of uuid-ossp can be had from Postgres itself; version 5 needs SHA-1 and is refused, not faked.
create schema if not exists extensions;
create or replace function extensions.uuid_generate_v4() returns uuid
language sql volatile as $$ select pg_catalog.gen_random_uuid() $$;
comment on function extensions.uuid_generate_v4() is 'shipworthy stand-in for uuid-ossp';
create or replace function extensions.uuid_generate_v1() returns uuid
language sql volatile as $$ select pg_catalog.gen_random_uuid() $$;
create or replace function extensions.uuid_generate_v1mc() returns uuid
language sql volatile as $$ select pg_catalog.gen_random_uuid() $$;
create or replace function extensions.uuid_nil() returns uuid
language sql immutable as $$ select '00000000-0000-0000-0000-000000000000'::uuid $$;
create or replace function extensions.uuid_ns_dns() returns uuid
language sql immutable as $$ select '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid $$;
create or replace function extensions.uuid_ns_url() returns uuid
language sql immutable as $$ select '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::uuid $$;
create or replace function extensions.uuid_generate_v3(namespace uuid, name text) returns uuid
language sql immutable strict as $$
  select encode(set_byte(set_byte(hash, 6, get_byte(hash, 6) & 15 | 48), 8, get_byte(hash, 8) & 63 | 128), 'hex')::uuid
  from decode(md5(uuid_send(namespace) || convert_to(name, 'UTF8')), 'hex') as hash
$$;
create or replace function extensions.uuid_generate_v5(namespace uuid, name text) returns uuid
language plpgsql immutable strict as $$
begin
  raise exception 'the stand-in for uuid-ossp has no uuid_generate_v5' using errcode = 'feature_not_supported';
end
$$;
