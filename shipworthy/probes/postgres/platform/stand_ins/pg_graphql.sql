create schema if not exists graphql;
comment on schema graphql is 'shipworthy stand-in for pg_graphql';
