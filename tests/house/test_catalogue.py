"""Every check says what it claims, can fail, and is proven by a planted fault."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter

import pytest


@pytest.fixture(scope="session")
def unplanted(house) -> dict[str, str]:
    """Checks that no planted fault proves, each with the reason."""
    return tomllib.loads((house / "tests/house/unplanted.toml").read_text(encoding="utf-8"))["checks"]


def test_there_are_checks_in_every_stage(catalogue, house):
    folders = {
        folder.name.partition("_")[2] for folder in (house / "suites").iterdir() if folder.name[0].isdigit()
    }

    assert folders == {check.stage for check in catalogue}
    assert len(folders) == 9


def test_every_check_documents_its_claim_its_reason_and_its_remedy(catalogue, sources):
    documented = {
        (source.path, node.lineno): ast.get_docstring(node) or ""
        for source in sources
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef)
    }

    assert not [
        f"{check.id}: no {part}"
        for check in catalogue
        for part, there in {
            "claim": documented[check.path, check.line],
            "Why:": check.why,
            "Fix:": check.fix,
        }.items()
        if not there
    ]


def test_a_check_is_one_function_that_cannot_be_skipped(sources):
    words = {"skip", "skipif", "xfail", "importorskip", "parametrize"}
    suites = [source for source in sources if source.name.startswith("suites/")]

    assert not [
        f"{source.name}:{node.lineno} {ast.unparse(node)[:60]}"
        for source in suites
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) or (isinstance(node, ast.Attribute) and node.attr in words)
    ]


def test_only_checks_stand_at_the_suites_top_level_with_a_test_name(sources, catalogue):
    checks = {(check.path, check.line) for check in catalogue}

    assert not [
        f"{source.name}:{node.lineno} {node.name}"
        for source in sources
        if source.name.startswith("suites/")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test")
        and (source.path, node.lineno) not in checks
    ]


def test_every_planted_fault_names_the_check_that_catches_it(planted, catalogue):
    known = {check.id: check.stage for check in catalogue}

    assert not [
        f"{fault.name}: there is no check {fault.caught_by}"
        for fault in planted
        if fault.caught_by not in known
    ]
    assert not [
        f"{fault.name}: named for another stage than its check {fault.caught_by}"
        for fault in planted
        if fault.caught_by in known and fault.name.partition(".")[0] != known[fault.caught_by]
    ]


def test_planted_faults_are_told_apart_by_name_and_change_something(planted):
    assert [name for name, count in Counter(fault.name for fault in planted).items() if count > 1] == []
    assert not [f.name for f in planted if not (f.sql or f.switches or f.files or f.variables)]
    assert not [f.name for f in planted if not f.summary]


def test_every_check_is_proven_by_a_planted_fault_or_excused_with_a_reason(planted, catalogue, unplanted):
    caught = {fault.caught_by for fault in planted}

    assert [check.id for check in catalogue if check.id not in caught and check.id not in unplanted] == []


def test_no_excuse_outlives_its_cause(planted, catalogue, unplanted):
    caught = {fault.caught_by for fault in planted}
    known = {check.id for check in catalogue}

    assert [name for name in unplanted if name in caught or name not in known] == []
    assert [name for name, reason in unplanted.items() if len(reason) < 10] == []
