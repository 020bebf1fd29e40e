"""The revision check fails where it should; it is about the checkout, so no planted fault can show it."""

from __future__ import annotations

import importlib.util
import subprocess

import pytest

from shipworthy.findings import Findings
from shipworthy.house import HOUSE
from shipworthy.target.sections import Environment


class Notes:
    """Takes the notes that the check leaves."""

    def note(self, text: str) -> None:
        self.text = text


@pytest.fixture(scope="module")
def check():
    path = HOUSE / "suites/10_preflight/test_revision.py"
    spec = importlib.util.spec_from_file_location("revision_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.test_tree_and_revision_are_known


@pytest.fixture
def judge(check, tmp_path):
    def judged(version, *, clean_tree=True):
        findings = Findings()
        check(Environment(clean_tree=clean_tree), version, tmp_path, Notes(), findings)
        assert findings.examined
        return {finding.subject: finding.saw for finding in findings.reported}

    return judged


def test_a_known_revision_outside_git_is_fine(judge):
    assert judge("0123abc") == {}


def test_an_unknown_revision_is_a_finding(judge, tmp_path):
    assert "no git commit" in judge(None)[str(tmp_path)]


def test_every_uncommitted_file_is_a_finding_unless_the_target_allows_them(judge, tmp_path):
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "one.sql").touch()
    (tmp_path / "two.sql").touch()

    assert judge("0123abc").keys() == {"one.sql", "two.sql"}
    assert judge("0123abc", clean_tree=False) == {}
