-- What the platform does where new entities are not exposed by themselves ("Default privileges for new
-- entities" off; `[api].auto_expose_new_tables = false`; the default since 2026-05-30): exactly these
-- privileges are taken away. What is left is the platform's, too: TRUNCATE, REFERENCES, TRIGGER and
-- MAINTAIN on tables, UPDATE on sequences, and EXECUTE on functions for PUBLIC, which is Postgres' own.
alter default privileges for role postgres, current_user in schema public
  revoke select, insert, update, delete on tables from anon, authenticated, service_role;
alter default privileges for role postgres, current_user in schema public
  revoke usage, select on sequences from anon, authenticated, service_role;
alter default privileges for role postgres, current_user in schema public
  revoke execute on functions from anon, authenticated, service_role;
