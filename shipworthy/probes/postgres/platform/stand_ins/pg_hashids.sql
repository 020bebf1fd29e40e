-- The signatures of pg_hashids; the codes are short and reversible, and not those of the real alphabet.
create or replace function @extschema@.id_encode(
  id bigint, salt text default '', min_length integer default 0, alphabet text default ''
) returns text language sql immutable as $$
  select lpad(to_hex(id), greatest(min_length, length(to_hex(id))), '0')
$$;
comment on function @extschema@.id_encode(bigint, text, integer, text) is 'shipworthy stand-in for pg_hashids';
create or replace function @extschema@.id_decode_once(
  hash text, salt text default '', min_length integer default 0, alphabet text default ''
) returns bigint language sql immutable as $$ select ('x' || lpad(hash, 16, '0'))::bit(64)::bigint $$;
create or replace function @extschema@.id_decode(
  hash text, salt text default '', min_length integer default 0, alphabet text default ''
) returns bigint[] language sql immutable as $$ select array[('x' || lpad(hash, 16, '0'))::bit(64)::bigint] $$;
