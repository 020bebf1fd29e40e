-- Letters without their accents by Unicode's own decomposition; the real dictionary knows more of them.
create or replace function @extschema@.unaccent(text) returns text language sql stable strict parallel safe as $$
  select regexp_replace(normalize($1, NFD), '[\u0300-\u036f]', '', 'g')
$$;
comment on function @extschema@.unaccent(text) is 'shipworthy stand-in for unaccent';
