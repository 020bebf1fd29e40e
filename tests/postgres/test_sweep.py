"""What a run leaves, also one that was killed, is removed from its journal alone."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from shipworthy.journal import Journal
from shipworthy.probes.postgres.embedded import EmbeddedServer, free_port
from shipworthy.probes.postgres.scratch import ScratchServer, connect_scratch

HOUSE = Path(__file__).parents[2]


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal")


@pytest.fixture
def sweep(tmp_path, journal):
    """Run the command on a target whose scratch server is the given one."""

    def run(scratch: str = "embedded") -> subprocess.CompletedProcess[str]:
        target = tmp_path / "target.toml"
        target.write_text(f'name = "x"\n[database]\nscratch = {json.dumps(scratch)}\n')
        return subprocess.run(
            [sys.executable, "-m", "fixtures.sweep", "--target", target, "--journal", journal.folder],
            cwd=HOUSE, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return run


def test_a_server_that_a_killed_run_left_is_stopped_and_its_folder_deleted(tmp_path, journal, sweep):
    server = EmbeddedServer(tmp_path / "server", free_port(), "secret", durable=False)
    home = server.home
    journal.record("postgres_server", run="r", folder=str(server.folder))
    server.start()
    pid = int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
    done = sweep()
    assert (done.returncode, done.stdout) == (0, "postgres_server: removed\n")
    # Where nobody reaps orphans, what is left of one is its number.
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not home.exists()
    assert list(journal.entries()) == []


def test_a_server_that_was_never_started_is_fine(tmp_path, journal, sweep):
    journal.record("postgres_server", run="r", folder=str(tmp_path / "never"))
    assert sweep().returncode == 0
    assert list(journal.entries()) == []


def test_databases_on_a_given_server_are_dropped(embedded_server, journal, sweep):
    server = ScratchServer(embedded_server.dsn(), "postgres", "left000000")
    journal.record("scratch_databases", run=server.run, folder="unused")
    dsn = server.clone(server.platform())
    with connect_scratch(dsn):
        done = sweep(embedded_server.dsn())
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.drop_all() == []


def test_what_cannot_be_removed_is_named_and_stays_in_the_journal(tmp_path, journal, sweep):
    journal.record("postgres_server", run="r", folder=str(tmp_path / "never"))
    journal.record("moon_landing", run="r")
    done = sweep()
    assert done.returncode == 1
    assert "moon_landing: nothing here knows how to remove it" in done.stdout
    assert "postgres_server: removed" in done.stdout
    assert [entry.kind for entry in journal.entries()] == ["moon_landing"]


def test_an_empty_journal_is_nothing_to_do(sweep):
    assert (sweep().returncode, sweep().stdout) == (0, "")
