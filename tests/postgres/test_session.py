"""A session on a deployed database looks and does nothing else."""

from __future__ import annotations

import pytest

from shipworthy import ProbeError
from shipworthy.errors import WriteRefusedError
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch
from shipworthy.probes.postgres.session import read_only_session


@pytest.fixture
def dsn(scratch: ScratchServer, migrated: str):
    made = scratch.clone(migrated)
    yield made
    scratch.drop(made)


@pytest.mark.parametrize(
    "statement",
    [
        "update public.plans set price_eur = 1",
        "create table public.left_behind (id int)",
        "select nextval('public.metrics_id_seq')",
        "select private.cleanup()",
    ],
)
def test_writes_are_refused(dsn, statement):
    with pytest.raises(WriteRefusedError, match="read-only transaction"), read_only_session(dsn) as session:
        session.execute(statement)


def test_one_moment_is_seen(dsn):
    with read_only_session(dsn) as session, connect_scratch(dsn) as other:
        before = session.execute("select count(*) from public.plans").fetchone()
        other.execute("insert into public.plans values ('late', 1, 1)")
        assert session.execute("select count(*) from public.plans").fetchone() == before


def test_a_statement_that_takes_too_long_is_ended(dsn):
    with pytest.raises(ProbeError, match="57014"), read_only_session(dsn, statement_s=0.05) as session:
        session.execute("select pg_sleep(30)")


def test_errors_name_the_server_and_never_the_password(dsn, embedded_server):
    with pytest.raises(ProbeError) as error, read_only_session(dsn) as session:
        session.execute(f"select '{embedded_server.password}'::uuid")
    assert f"127.0.0.1:{embedded_server.port}" in str(error.value)
    assert "22P02" in str(error.value)
    assert embedded_server.password not in str(error.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://x:geheimnis@127.0.0.1:1/db", "127.0.0.1:1/db"),
        ("postgres://geheimnis geheimnis", "cannot be read"),
    ],
)
def test_a_server_that_is_not_there_is_no_finding(address, said):
    with pytest.raises(ProbeError, match=said) as error, read_only_session(address):
        pass
    assert "geheimnis" not in str(error.value)
