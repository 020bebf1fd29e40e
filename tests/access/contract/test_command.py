"""``shipworthy access`` measures, drafts and compares, and leaves nothing behind."""

from __future__ import annotations

import re
import secrets
import shutil
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from shipworthy.cli import main
from shipworthy.house import HOUSE
from shipworthy.probes.postgres.access.contract import read_contract
from shipworthy.probes.postgres.embedded import EmbeddedServer, free_port

SCHEMA = """
create table public.plans (tier text primary key, price integer not null);
alter table public.plans enable row level security;
create policy "everyone reads" on public.plans for select using (true);
revoke insert, update, delete, truncate on public.plans from anon, authenticated;

create table public.notes (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id),
  body text not null
);
alter table public.notes enable row level security;
create policy "users have their notes" on public.notes to authenticated
  using (user_id = auth.uid()) with check (user_id = auth.uid());

create function public.tidy() returns integer language sql set search_path = '' as 'select 1';
revoke execute on function public.tidy from public, anon, authenticated;

create view public.empty with (security_invoker = true) as select 1 as one where false;
"""
WIDER = """
create policy "everyone reads notes" on public.notes for select using (true);
"""
REVIEWED = """\
# Reviewed.
version = 1

[tables]
"public.plans" = { read = "everyone" }
"public.notes" = { read = "owner", write = "owner" }
"public.empty" = {}
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("access-command")
    server = EmbeddedServer(folder / "server", free_port(), secrets.token_urlsafe(), durable=False)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "supabase"
    (folder / "migrations").mkdir(parents=True)
    (folder / "config.toml").write_text('project_id = "small"\n')
    (folder / "migrations" / "20260101000000_start.sql").write_text(SCHEMA)
    return folder


@pytest.fixture
def access(project, server, capsys):
    def run(*words):
        code = main(["access", str(project), "--scratch", server.dsn(), *words])
        return code, capsys.readouterr().out

    yield run
    assert databases(server) == []


def databases(server):
    with psycopg.connect(server.dsn()) as connection:
        rows = connection.execute("select datname from pg_database where datname like 'shipworthy%'")
        return [name for (name,) in rows]


def test_what_is_drafted_for_a_project_is_what_is_so(access, project):
    code, said = access()

    assert code == 0
    assert re.search(r"public\.notes +owner +owner +owner +owner", said)
    assert re.search(r"public\.plans +everyone +nobody +nobody +nobody", said)
    assert "--write drafts" in said
    assert not (project / "access.toml").exists()

    assert access("--write")[0] == 0
    assert set(read_contract(project).tables) == {"public.empty", "public.notes", "public.plans"}
    assert access()[0] == 0


def test_a_difference_is_shown_and_written_only_when_asked_for(access, project):
    (project / "access.toml").write_text(REVIEWED)
    (project / "migrations" / "20260102000000_wider.sql").write_text(WIDER)

    code, said = access()

    assert code == 1
    assert "everyone may read it; declared is owner" in said
    assert '+"public.notes" = { read = "everyone"' in said
    assert (project / "access.toml").read_text() == REVIEWED
    assert access("--write")[0] == 0
    assert (project / "access.toml").read_text().startswith("# Reviewed.")
    assert access()[0] == 0


def test_row_templates_are_kept_when_a_contract_is_begun(access, project):
    template = 'version = 1\n\n[tables."public.plans".row]\ntier = "gold"\n'
    (project / "access.toml").write_text(template)

    assert access("--write")[0] == 0

    contract = read_contract(project)
    assert contract.rows == {"public.plans": {"tier": "'gold'"}}
    assert set(contract.tables) == {"public.empty", "public.notes", "public.plans"}


def test_a_contract_drafted_for_organizations_with_roles_holds_at_once(project, server, capsys):
    shutil.rmtree(project)
    shutil.copytree(HOUSE / "tests" / "schemas" / "organizations" / "supabase", project)

    assert main(["access", str(project), "--scratch", server.dsn(), "--write"]) == 0
    assert main(["access", str(project), "--scratch", server.dsn()]) == 0
    assert "members" in capsys.readouterr().out


def test_a_contract_with_problems_is_refused_before_anything_starts(project, capsys):
    (project / "access.toml").write_text('version = 1\n[tables]\n"public.plans" = { raed = "everyone" }\n')

    assert main(["access", str(project), "--scratch", "postgresql://nobody:x@127.0.0.1:1/postgres"]) == 2
    assert "did you mean read?" in capsys.readouterr().err


def test_migrations_that_do_not_apply_are_said_with_their_line(project, server, capsys):
    (project / "migrations" / "20260103000000_broken.sql").write_text("\nselect nothing from nowhere;\n")

    assert main(["access", str(project), "--scratch", server.dsn()]) == 2
    assert "20260103000000_broken.sql:2" in capsys.readouterr().err
    assert databases(server) == []


def test_an_interrupted_measurement_leaves_nothing(project, server):
    (project / "migrations" / "20260103000000_slow.sql").write_text("select pg_sleep(60);\n")
    temporary = project.parent / "temporary"
    temporary.mkdir()
    argv = [sys.executable, "-m", "shipworthy.cli", "access", str(project), "--scratch", server.dsn()]
    environment = {"PYTHONPATH": str(HOUSE), "TMPDIR": str(temporary)}
    process = subprocess.Popen(argv, cwd=project.parent, env=environment)
    deadline = time.monotonic() + 60
    while not any(name.endswith("unseeded_partial") for name in databases(server)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)

    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 130
    assert databases(server) == []
    assert list(temporary.iterdir()) == []
    assert list((project.parent / ".shipworthy" / "journal").rglob("*.json")) == []
