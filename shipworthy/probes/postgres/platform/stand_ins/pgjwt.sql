-- What of pgjwt needs no key; signing and verifying are refused, not faked.
create or replace function @extschema@.url_encode(data bytea) returns text language sql immutable as $$
  select translate(encode(data, 'base64'), E'+/=\n', '-_')
$$;
comment on function @extschema@.url_encode(bytea) is 'shipworthy stand-in for pgjwt';
create or replace function @extschema@.url_decode(data text) returns bytea language sql immutable as $$
  select decode(rpad(translate(data, '-_', '+/'), (length(data) + 3) / 4 * 4, '='), 'base64')
$$;
create or replace function @extschema@.sign(payload json, secret text, algorithm text default 'HS256') returns text
language plpgsql immutable as $$
begin
  raise exception 'the stand-in for pgjwt has no sign' using errcode = 'feature_not_supported';
end
$$;
create or replace function @extschema@.verify(token text, secret text, algorithm text default 'HS256')
returns table (header json, payload json, valid boolean) language plpgsql immutable as $$
begin
  raise exception 'the stand-in for pgjwt has no verify' using errcode = 'feature_not_supported';
end
$$;
