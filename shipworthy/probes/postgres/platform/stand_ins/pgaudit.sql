-- It has nothing but settings of the server.
create or replace function @extschema@.pgaudit_ddl_command_end() returns event_trigger language plpgsql as $$
begin
end
$$;
comment on function @extschema@.pgaudit_ddl_command_end() is 'shipworthy stand-in for pgaudit';
