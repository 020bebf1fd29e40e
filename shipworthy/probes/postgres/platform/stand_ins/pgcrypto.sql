-- What of pgcrypto a scratch database needs. Digests are real, as far as Postgres has them. Passwords and
-- messages only have the shape of what pgcrypto makes: nobody signs in here and there is nothing to hide.
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
create or replace function extensions.hmac(data bytea, key bytea, type text) returns bytea
language plpgsql immutable strict as $$
declare
  block constant integer := case when lower(type) in ('sha384', 'sha512') then 128 else 64 end;
  used bytea := case when length(key) > block then extensions.digest(key, type) else key end;
  inner_pad bytea := ''; outer_pad bytea := '';
  byte integer;
begin
  for i in 0 .. block - 1 loop
    byte := case when i < length(used) then get_byte(used, i) else 0 end;
    inner_pad := inner_pad || set_byte('\x00', 0, byte # 54);
    outer_pad := outer_pad || set_byte('\x00', 0, byte # 92);
  end loop;
  return extensions.digest(outer_pad || extensions.digest(inner_pad || data, type), type);
end
$$;
create or replace function extensions.hmac(data text, key text, type text) returns bytea
language sql immutable strict as $$
  select extensions.hmac(convert_to(data, 'UTF8'), convert_to(key, 'UTF8'), type)
$$;
create or replace function extensions.gen_random_uuid() returns uuid
language sql volatile as $$ select pg_catalog.gen_random_uuid() $$;
create or replace function extensions.gen_random_bytes(count integer) returns bytea
language sql volatile strict as $$
  select substring(string_agg(sha256(uuid_send(pg_catalog.gen_random_uuid()) || uuid_send(pg_catalog.gen_random_uuid())), '')
                   from 1 for count)
  from generate_series(0, count / 32)
$$;
create or replace function extensions.gen_salt(type text, iter_count integer) returns text
language sql volatile strict as $$
  select format('$2a$%s$', lpad(greatest(iter_count, 4)::text, 2, '0')) || left(md5(random()::text), 22)
$$;
create or replace function extensions.gen_salt(type text) returns text
language sql volatile strict as $$ select extensions.gen_salt(type, 6) $$;
create or replace function extensions.crypt(password text, salt text) returns text
language sql immutable strict as $$ select left(salt, 29) || left(md5(left(salt, 29) || password), 31) $$;
create or replace function extensions.encrypt(data bytea, key bytea, type text) returns bytea
language sql immutable strict as $$ select data $$;
create or replace function extensions.decrypt(data bytea, key bytea, type text) returns bytea
language sql immutable strict as $$ select data $$;
create or replace function extensions.pgp_sym_encrypt(data text, psw text, options text default '') returns bytea
language sql volatile strict as $$ select convert_to(data, 'UTF8') $$;
create or replace function extensions.pgp_sym_decrypt(msg bytea, psw text, options text default '') returns text
language sql immutable strict as $$ select convert_from(msg, 'UTF8') $$;
