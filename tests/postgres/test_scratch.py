"""Scratch databases come from templates, belong to one run, and go away with it."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.embedded import HOST, EmbeddedServer, free_port
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch, open_scratch


@pytest.fixture
def own_run(embedded_server):
    """The same server, used by another run."""
    server = ScratchServer(embedded_server.dsn(), "postgres", "another000")
    yield server
    server.drop_all()


def databases(server: ScratchServer) -> list[str]:
    with connect_scratch(server.admin) as connection:
        rows = connection.execute(
            "select datname from pg_database where starts_with(datname, %s)", [server.prefix]
        )
        return [name for (name,) in rows]


def test_a_template_is_made_once_whoever_comes_first(own_run):
    filled = []

    def fill(dsn):
        filled.append(dsn)

    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(lambda _: own_run.template("shared", fill), range(4)))
    assert len(names) == 1
    assert len(filled) == 1


def test_a_template_that_could_not_be_finished_is_not_used(own_run):
    def fail(dsn):
        with connect_scratch(dsn) as connection:
            connection.execute("create table half (id int)")
        raise RuntimeError("no")

    def fill(dsn):
        with connect_scratch(dsn) as connection:
            connection.execute("create table whole (id int)")

    with pytest.raises(RuntimeError):
        own_run.template("fragile", fail)
    with connect_scratch(own_run.clone(own_run.template("fragile", fill))) as connection:
        row = connection.execute("select to_regclass('half'), to_regclass('whole')").fetchone()
    assert row == (None, "whole")


def test_nobody_connects_to_a_template_by_mistake(own_run):
    template = own_run.template("closed", lambda _: None)
    with (
        pytest.raises(ProbeError, match="not currently accepting connections"),
        connect_scratch(own_run.dsn(template)),
    ):
        pass


def test_clones_do_not_see_each_other(own_run):
    template = own_run.template("plain", lambda _: None)
    one, other = own_run.clone(template), own_run.clone(template)
    with connect_scratch(one) as connection:
        connection.execute("create table here (id int)")
    with connect_scratch(other) as connection:
        assert connection.execute("select to_regclass('here')").fetchone() == (None,)


def test_a_clone_goes_from_under_whoever_is_connected(own_run):
    dsn = own_run.clone(own_run.template("plain", lambda _: None))
    with connect_scratch(dsn) as connection:
        own_run.drop(dsn)
        connection.close()
    with pytest.raises(ProbeError, match="does not exist"), connect_scratch(dsn):
        pass


def test_what_is_not_of_the_run_is_not_dropped(own_run, scratch):
    foreign = scratch.clone(scratch.platform())
    with pytest.raises(ProbeError, match="it stays"):
        own_run.drop(foreign)
    with pytest.raises(ProbeError, match="it stays"):
        own_run.drop(own_run.admin)
    scratch.drop(foreign)


def test_a_run_can_be_cleared_away_whole(own_run):
    own_run.clone(own_run.platform())
    assert databases(own_run)
    assert own_run.drop_all()
    assert databases(own_run) == []


def test_a_given_server_is_used_as_it_is(embedded_server, own_run, tmp_path):
    server = open_scratch(embedded_server.dsn(), image="", run=own_run.run, folder=tmp_path)
    with connect_scratch(server.clone(server.platform())) as connection:
        assert connection.execute("select count(*) from auth.users").fetchone() == (0,)


def test_a_given_server_needs_a_superuser(embedded_server, tmp_path):
    with connect_scratch(embedded_server.dsn()) as connection:
        connection.execute("create role weak login password 'weak'")
    weak = f"postgresql://weak:weak@{HOST}:{embedded_server.port}/postgres"
    with pytest.raises(ProbeError, match="weak is no superuser"):
        open_scratch(weak, image="", run="r", folder=tmp_path)


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path):
    nobody = f"postgresql://postgres:hidden-word@{HOST}:{free_port()}/postgres"
    with pytest.raises(ProbeError, match="the scratch server does not answer") as caught:
        open_scratch(nobody, image="", run="r", folder=tmp_path)
    assert "hidden-word" not in str(caught.value)


def test_a_kind_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(ProbeError, match="none of container, embedded"):
        open_scratch("sqlite", image="", run="r", folder=tmp_path)


def test_an_embedded_server_is_started_where_it_is_asked_for(tmp_path):
    server = open_scratch("embedded", image="", run="r", folder=tmp_path / "scratch")
    try:
        with connect_scratch(server.admin) as connection:
            assert connection.execute("show fsync").fetchone() == ("off",)
    finally:
        EmbeddedServer(tmp_path / "scratch", port=0, password="").remove()


# The SDK leaves its socket to the collector when it cannot connect.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_where_no_engine_answers_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing-here")
    with pytest.raises(ProbeError, match=r'no container engine answers (?s:.*)scratch = "embedded"'):
        open_scratch("container", image="shipworthy/postgres:17", run="r", folder=tmp_path)
    gc.collect()
