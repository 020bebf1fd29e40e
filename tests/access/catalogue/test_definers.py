"""Definer functions that ask nobody are found; those that ask, in whatever way, are let be."""

from textwrap import indent

import pytest

from shipworthy.probes.postgres.definers import unasking_definers
from shipworthy.probes.postgres.exposure import project_functions

REVOKED = "revoke execute on function public.f() from public, anon, authenticated;"
TABLES = "create table public.notes (id uuid, token text, body text, views int);"


def function(body: str, arguments: str = "", returns: str = "void", more: str = "security definer") -> str:
    return (
        f"create function public.f({arguments}) returns {returns} language plpgsql {more}"
        f" set search_path = '' as $$ begin\n{indent(body, '  ')}\nend $$;"
    )


def found(connection):
    return [
        (item.function.name, item.does)
        for item in unasking_definers(project_functions(connection, ["public"]))
    ]


def test_what_writes_or_gives_everything_without_asking_is_found(made):
    writes = function(
        "delete from public.notes where id = p_id; -- auth.uid() is checked by the app", "p_id uuid"
    )
    assert found(made(TABLES + writes)) == [("public.f", "changes rows")]
    gives = function("return query select * from public.notes;", returns="setof public.notes")
    assert found(made(TABLES + gives)) == [("public.f", "returns SETOF public.notes")]
    calls = function("perform net.http_delete('http://storage/' || p_path);", "p_path text")
    assert found(made(TABLES + calls)) == [("public.f", "calls other services")]


@pytest.mark.parametrize(
    "sql",
    [
        function("delete from public.notes where id = auth.uid();"),
        function("if current_setting('role') = 'service_role' then delete from public.notes; end if;"),
        function("delete from public.notes where token = p_token;", "p_token text"),
        function("return query select * from public.notes where id = $1;", "id uuid", "setof public.notes"),
        function("return query select * from public.notes limit 3;", returns="setof public.notes"),
        function("update public.notes set views = views + 1 where id = $1;", "id uuid"),
        function("update public.notes n set views = coalesce(n.views, 0) + 1 where n.id = $1;", "id uuid"),
        function("delete from public.notes;", more="security invoker"),
        function("return new;", returns="trigger"),
        function("return 1;", returns="integer"),
        function("delete from public.notes;") + REVOKED,
        "create function public.mine() returns uuid language sql stable as $$ select auth.uid() $$;"
        + function("delete from public.notes where id = public.mine();"),
        "create role shipworthy_bound;" + function("delete from public.notes;")
        + "alter function public.f() owner to shipworthy_bound;",
    ],
    ids=[
        "asks", "setting", "token", "limited", "some", "counts", "counts none", "invoker", "trigger", "plain",
        "revoked", "helper", "bound",
    ],
)  # fmt: skip
def test_what_asks_is_limited_or_reaches_nobody_is_let_be(made, sql):
    assert found(made(TABLES + sql)) == []
