-- The signatures of pg_jsonschema; every instance is valid.
create or replace function @extschema@.json_matches_schema(schema json, instance json) returns boolean
language sql immutable strict as $$ select true $$;
comment on function @extschema@.json_matches_schema(json, json) is 'shipworthy stand-in for pg_jsonschema';
create or replace function @extschema@.jsonb_matches_schema(schema json, instance jsonb) returns boolean
language sql immutable strict as $$ select true $$;
create or replace function @extschema@.jsonschema_is_valid(schema json) returns boolean
language sql immutable strict as $$ select true $$;
create or replace function @extschema@.jsonschema_validation_errors(schema json, instance json) returns text[]
language sql immutable strict as $$ select '{}'::text[] $$;
