"""The embedded server starts from a wheel, answers on TCP, and leaves nothing behind."""

import os
import socket
import subprocess
from pathlib import Path

import psutil
import psycopg
import pytest

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.embedded import HOST, EmbeddedServer, client_program, free_port


@pytest.fixture
def server(tmp_path):
    server = EmbeddedServer(tmp_path / "server", free_port(), "a 'quoted' p@ss/word", durable=False)
    yield server
    server.remove()


def processes_about(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(folder) in line:
            found.append(line)
    return found


def test_a_server_answers_on_tcp_and_speaks_utf8(server):
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select lower('ÄÖÜ'), current_setting('server_encoding')").fetchone() == (
            "äöü",
            "UTF8",
        )


def test_a_removed_server_leaves_no_process_no_folder_and_no_listener(server):
    server.start()
    home = server.home
    assert processes_about(home)
    server.remove()
    assert not processes_about(home)
    assert not home.exists()
    assert not server.folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, server.port), timeout=5)


def test_another_process_can_remove_a_server_by_its_folder_alone(server):
    server.start()
    home = server.home
    EmbeddedServer(server.folder, port=0, password="").remove()
    assert not processes_about(home)
    assert not home.exists()


def test_a_server_keeps_its_data_over_a_restart(server):
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("create table kept as select 1 as one")
    server.stop()
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


def test_a_killed_server_starts_again(server):
    server.start()
    pid = int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])
    psutil.Process(pid).kill()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    server.stop()
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_stopping_what_does_not_run_is_fine(server):
    server.stop()
    server.start()
    server.stop()
    server.stop()


def test_a_wrong_password_is_refused(server):
    server.start()
    wrong = EmbeddedServer(server.folder, server.port, "another")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong.dsn())


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedServer(tmp_path / "server", port, "secret")
        try:
            with pytest.raises(ProbeError, match=rf"does not start on {HOST}:{port}(?s:.*)in use"):
                server.start()
        finally:
            server.remove()


def test_settings_reach_the_server(tmp_path):
    server = EmbeddedServer(tmp_path / "server", free_port(), "secret", settings={"work_mem": "7MB"})
    try:
        server.start()
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("show work_mem").fetchone() == ("7MB",)
            assert connection.execute("show fsync").fetchone() == ("on",)
    finally:
        server.remove()


def test_a_folder_below_a_private_home_will_do(tmp_path):
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    server = EmbeddedServer(private / "state" / "postgres", free_port(), "secret", durable=False)
    home = server.home
    try:
        server.start()
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        server.remove()
    assert not home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    server = EmbeddedServer(tmp_path / "server", free_port(), "secret")
    server.home.mkdir()
    os.chown(server.home, 1, 1)
    with pytest.raises(ProbeError, match="belongs to somebody else"):
        server.start()
    assert server.home.stat().st_uid == 1


def test_folders_above_that_are_made_private_will_do(tmp_path):
    before = os.umask(0o077)
    try:
        server = EmbeddedServer(
            tmp_path / "state" / "deep" / "postgres", free_port(), "secret", durable=False
        )
        server.start()
        home = server.home
        server.remove()
    finally:
        os.umask(before)
    assert not home.exists()


def test_the_server_does_not_run_as_root(server):
    server.start()
    pid = int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])
    assert psutil.Process(pid).uids().real == (os.geteuid() or psutil.Process(pid).uids().real)
    assert psutil.Process(pid).uids().real != 0


def test_client_programs_are_as_new_as_the_server(server):
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute("select current_setting('server_version_num')::int / 10000").fetchone()
    for name in ("pg_dump", "pg_restore", "psql"):
        said = subprocess.run([client_program(name), "--version"], capture_output=True, text=True, check=True)
        assert row
        assert f" {row[0]}." in said.stdout


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(ProbeError, match="pg_teleport"):
        client_program("pg_teleport")
