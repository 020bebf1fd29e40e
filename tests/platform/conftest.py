"""The reference deployment, up once for all tests of what stands on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.synthetic import Synthetic
from shipworthy.journal import Journal
from shipworthy.probes.http import bounded_client
from shipworthy.probes.supabase import connect
from shipworthy.reference import reference_running
from shipworthy.target import LoadedTarget, load_target

LOCAL = Path(__file__).parents[2] / "targets" / "local.toml"


@pytest.fixture(scope="session")
def deployment() -> Iterator[LoadedTarget]:
    """The target of a reference deployment of its own."""
    said: list[str] = []
    with reference_running(LOCAL, None, plant=(), say=said.append) as env_file:
        yield load_target(LOCAL, env_file=env_file)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def http() -> Iterator:
    with bounded_client(may_write=True) as client:
        yield client


@pytest.fixture
def service(deployment: LoadedTarget, http):
    supabase = deployment.target.supabase
    return connect(supabase.url, supabase.service_role_key.get_secret_value(), http)


@pytest.fixture
def anonymous(deployment: LoadedTarget, http):
    supabase = deployment.target.supabase
    return lambda: connect(supabase.url, supabase.anon_key.get_secret_value(), http)


@pytest.fixture
def synthetic(service, anonymous, journal) -> Synthetic:
    """Nothing removes what it makes: that is what the tests are about."""
    return Synthetic(service, anonymous, journal, "0123456789")
