create schema if not exists extensions;
create or replace function extensions.uuid_generate_v4() returns uuid
language sql volatile as $$ select pg_catalog.gen_random_uuid() $$;
comment on function extensions.uuid_generate_v4() is 'shipworthy stand-in for uuid-ossp';
