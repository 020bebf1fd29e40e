"""Both defaults of the platform are there: everything in ``public`` granted by itself, and nothing."""

import psycopg
import pytest

from shipworthy.probes.postgres.catalogue import read_catalogue
from shipworthy.probes.postgres.drift import compare

TABLE = "create table public.notes (id bigint generated always as identity, n serial, body text)"
MAY = """
select array(select p from unnest(array['select', 'insert', 'update', 'delete', 'truncate']) p
             where has_table_privilege(r, 'public.notes', p))
from unnest(array['anon', 'authenticated', 'service_role']) r
"""


def test_a_new_table_is_granted_to_the_api_by_itself_in_the_old_default(made):
    everything = ["select", "insert", "update", "delete", "truncate"]
    assert made(TABLE).execute(MAY).fetchall() == [(everything,)] * 3


def test_a_new_table_has_what_the_platform_leaves_and_no_more_in_the_new_default(made):
    assert made(TABLE, auto_expose=False).execute(MAY).fetchall() == [(["truncate"],)] * 3


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_the_api_answers_42501_in_the_new_default_until_something_is_granted(fresh, role):
    connection = fresh(TABLE, auto_expose=False)
    as_role = f"set role {role}; select from public.notes"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(as_role)
    connection.execute(f"reset role; grant select on public.notes to {role}")
    connection.execute(as_role)


def test_functions_stay_open_to_everyone_in_the_new_default_because_postgres_grants_them(made):
    function = "create function public.f() returns int language sql return 1"
    may = "select has_function_privilege('anon', 'public.f()', 'execute')"
    connection = made(function, auto_expose=False)
    assert connection.execute(may).fetchone() == (True,)
    connection.execute("revoke execute on function public.f() from public")
    assert connection.execute(may).fetchone() == (False,)


def test_a_counted_column_can_still_be_counted_in_the_new_default(made):
    connection = made(TABLE + "; grant insert on public.notes to authenticated", auto_expose=False)
    with connection.transaction(force_rollback=True):
        connection.execute("set local role authenticated")
        connection.execute("insert into public.notes (body) values ('one')")


def test_the_reference_project_comes_to_the_same_in_both(migrated):
    assert compare(read_catalogue(migrated(True)), read_catalogue(migrated(False))) == ()
