-- What of pgcrypto can be had from Postgres itself; the rest is refused, not faked.
create schema if not exists extensions;
create or replace function extensions.digest(data bytea, type text) returns bytea
language plpgsql immutable strict as $$
begin
  case lower(type)
    when 'md5' then return decode(md5(data), 'hex');
    when 'sha224' then return sha224(data);
    when 'sha256' then return sha256(data);
    when 'sha384' then return sha384(data);
    when 'sha512' then return sha512(data);
    else raise exception 'the stand-in for pgcrypto has no digest %', type using errcode = 'feature_not_supported';
  end case;
end
$$;
comment on function extensions.digest(bytea, text) is 'shipworthy stand-in for pgcrypto';
create or replace function extensions.digest(data text, type text) returns bytea
language sql immutable strict as $$ select extensions.digest(convert_to(data, 'UTF8'), type) $$;
create or replace function extensions.gen_random_uuid() returns uuid
language sql volatile as $$ select pg_catalog.gen_random_uuid() $$;
create or replace function extensions.gen_random_bytes(count integer) returns bytea
language sql volatile strict as $$
  select substring(string_agg(sha256(uuid_send(pg_catalog.gen_random_uuid()) || uuid_send(pg_catalog.gen_random_uuid())), '')
                   from 1 for count)
  from generate_series(0, count / 32)
$$;
create or replace function extensions.gen_salt(type text) returns text language plpgsql as $$
begin
  raise exception 'the stand-in for pgcrypto has no gen_salt' using errcode = 'feature_not_supported',
    hint = 'Write the bcrypt hash itself into the seed, or use a scratch server with pgcrypto.';
end
$$;
create or replace function extensions.crypt(password text, salt text) returns text language plpgsql as $$
begin
  raise exception 'the stand-in for pgcrypto has no crypt' using errcode = 'feature_not_supported',
    hint = 'Write the bcrypt hash itself into the seed, or use a scratch server with pgcrypto.';
end
$$;
