-- The signatures of the http extension; nothing is ever sent, and every answer is an empty 200.
do $$
begin
  if to_regtype('@extschema@.http_header') is null then
    create domain @extschema@.http_method as text;
    create type @extschema@.http_header as (field varchar, value varchar);
    create type @extschema@.http_request as (
      method @extschema@.http_method, uri varchar, headers @extschema@.http_header[],
      content_type varchar, content varchar
    );
    create type @extschema@.http_response as (
      status integer, content_type varchar, headers @extschema@.http_header[], content varchar
    );
  end if;
end
$$;
create or replace function @extschema@.http_header(field varchar, value varchar) returns @extschema@.http_header
language sql immutable as $$ select field, value $$;
create or replace function @extschema@.http(request @extschema@.http_request) returns @extschema@.http_response
language sql as $$ select 200, 'application/json'::varchar, '{}'::@extschema@.http_header[], '{}'::varchar $$;
comment on function @extschema@.http(@extschema@.http_request) is 'shipworthy stand-in for http';
create or replace function @extschema@.http_get(uri varchar) returns @extschema@.http_response
language sql as $$ select @extschema@.http(('GET', uri, null, null, null)::@extschema@.http_request) $$;
create or replace function @extschema@.http_get(uri varchar, data jsonb) returns @extschema@.http_response
language sql as $$ select @extschema@.http(('GET', uri, null, null, null)::@extschema@.http_request) $$;
create or replace function @extschema@.http_post(uri varchar, content varchar, content_type varchar)
returns @extschema@.http_response
language sql as $$ select @extschema@.http(('POST', uri, null, content_type, content)::@extschema@.http_request) $$;
create or replace function @extschema@.http_post(uri varchar, data jsonb) returns @extschema@.http_response
language sql as $$ select @extschema@.http(('POST', uri, null, null, null)::@extschema@.http_request) $$;
create or replace function @extschema@.http_put(uri varchar, content varchar, content_type varchar)
returns @extschema@.http_response
language sql as $$ select @extschema@.http(('PUT', uri, null, content_type, content)::@extschema@.http_request) $$;
create or replace function @extschema@.http_patch(uri varchar, content varchar, content_type varchar)
returns @extschema@.http_response
language sql as $$ select @extschema@.http(('PATCH', uri, null, content_type, content)::@extschema@.http_request) $$;
create or replace function @extschema@.http_delete(uri varchar) returns @extschema@.http_response
language sql as $$ select @extschema@.http(('DELETE', uri, null, null, null)::@extschema@.http_request) $$;
create or replace function @extschema@.http_set_curlopt(curlopt varchar, value varchar) returns boolean
language sql as $$ select true $$;
create or replace function @extschema@.http_reset_curlopt() returns boolean language sql as $$ select true $$;
create or replace function @extschema@.urlencode(string varchar) returns text language sql immutable strict as $$
  select string_agg(
    case when letter ~ '^[A-Za-z0-9_.~-]$' then letter
         else regexp_replace(upper(encode(convert_to(letter, 'UTF8'), 'hex')), '(..)', '%\1', 'g') end, '')
  from regexp_split_to_table(string, '') as letter
$$;
