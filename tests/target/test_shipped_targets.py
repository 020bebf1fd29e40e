"""Every target file that is shipped parses once its variables are set, and names them all until then."""

from __future__ import annotations

import os
import re

import pytest

from shipworthy import TargetError
from shipworthy.house import HOUSE
from shipworthy.target import load_target

SHIPPED = sorted((HOUSE / "targets").rglob("*.toml"))
VARIABLE = re.compile(r"\$\{(\w+)\}")


def plausible(name: str) -> str:
    """A value of the right kind for a variable of this name."""
    if name.endswith("DB_URL"):
        return "postgresql://postgres:a-long-password@db.example.com:5432/postgres"
    if name.endswith("_URL"):
        return f"https://{name.lower().replace('_', '-')}.example.com"
    if name.endswith(("MEMBER_ID", "ORGANIZATION_ID")):
        return f"00000000-0000-4000-8000-0000000000{len(name):02d}"
    return f"value-of-{name.lower()}"


@pytest.fixture(params=SHIPPED, ids=lambda path: str(path.relative_to(HOUSE / "targets")))
def shipped(request, clean_environment):
    return request.param


def test_it_parses_when_its_variables_are_set(shipped):
    names = set(VARIABLE.findall(shipped.read_text()))
    os.environ.update({name: plausible(name) for name in names})

    target = load_target(shipped).target

    assert target.environment
    assert target.environment.required
    assert target.supabase


def test_it_names_every_missing_variable_in_one_error(shipped):
    names = set(VARIABLE.findall(shipped.read_text()))

    with pytest.raises(TargetError) as caught:
        load_target(shipped)

    assert {name for name in names if f"variable {name} is not set" not in str(caught.value)} == set()


def test_every_kind_of_system_has_an_example():
    examples = {path.stem for path in SHIPPED if path.parent.name == "examples"}

    assert examples == {
        "supabase-agents",
        "gateway-and-gpu",
        "drive-ingestion",
        "observability-hub",
        "control-center",
    }


def test_production_is_never_written_to():
    writes = {
        path.stem: re.search(r'^writes = "(\w+)"', path.read_text(), re.MULTILINE)[1] for path in SHIPPED
    }

    assert writes["production"] == writes["control-center"] == "none"
    assert "any" not in writes.values()
