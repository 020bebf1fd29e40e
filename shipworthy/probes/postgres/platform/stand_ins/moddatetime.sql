-- The trigger function of contrib/spi: it puts the time of the change into the column that it is given.
create or replace function @extschema@.moddatetime() returns trigger language plpgsql as $$
begin
  if not to_jsonb(new) ? tg_argv[0] then
    raise exception '"%" has no attribute "%"', tg_table_name, tg_argv[0] using errcode = 'undefined_column';
  end if;
  return jsonb_populate_record(new, jsonb_build_object(tg_argv[0], now()));
end
$$;
comment on function @extschema@.moddatetime() is 'shipworthy stand-in for moddatetime';
