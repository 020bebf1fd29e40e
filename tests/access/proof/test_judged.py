"""What was measured is put so that it can be mended, and what could not be tried is never passed over."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fixtures.worlds import AccessProof, Judged, as_csv
from shipworthy.errors import ProbeError
from shipworthy.findings import Findings
from shipworthy.house import HOUSE
from shipworthy.probes.postgres.access.contract import Contract
from shipworthy.probes.postgres.access.intent import Intent
from shipworthy.probes.postgres.access.matrix import measure_access
from tests.access.proof.small_worlds import NOTES, read_worlds


class Ignored:
    """Evidence that nobody keeps."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


@pytest.fixture(scope="module")
def checks() -> Any:
    path = HOUSE / "suites/30_access/test_isolation.py"
    spec = importlib.util.spec_from_file_location("isolation_checks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def judge(make):
    """Measure a database and judge it without a contract."""

    def run(*sql: str, attempt_s: float = 2.0, missing: dict[str, str] | None = None) -> Judged:
        connection = make(*sql)
        schema, worlds = read_worlds(connection)
        worlds = replace(worlds, missing=missing or {})
        matrix = measure_access(connection, schema, worlds, attempt_s=attempt_s)
        return Judged(worlds, matrix, schema, Intent(Contract(), matrix, worlds))

    return run


def tried(checks, judged: Judged) -> None:
    proof = AccessProof("", judged.worlds, judged.matrix, 1, 1)
    findings = Findings()
    checks.test_every_table_was_tried(judged, proof, findings, Ignored(), "", "")
    findings.settle()


def test_a_table_without_rows_is_unverified_with_the_way_to_give_it_some(checks, judge):
    with pytest.raises(ProbeError, match=r'notes \(no idea\).*\[tables."public.notes".row\]'):
        tried(checks, judge(NOTES, missing={"public.notes": "no idea"}))


def test_attempts_that_ran_out_of_time_are_unverified(checks, judge):
    judged = judge(
        NOTES,
        "create function private.dream() returns boolean language sql as"
        " 'select pg_sleep(30) is not null';"
        "grant execute on function private.dream to public;"
        "create policy dreams on public.notes for select to anon using (private.dream())",
        attempt_s=0.2,
    )

    with pytest.raises(ProbeError, match=r"public\.notes.*57014"):
        tried(checks, judged)


def test_what_cannot_be_judged_hides_no_finding_elsewhere(checks, judge):
    judged = judge(
        NOTES,
        "create table public.plans (id uuid primary key, org_id uuid references public.organizations);"
        "insert into public.plans select gen_random_uuid(), id from public.organizations;"
        "create function private.ends() returns boolean language sql security definer as"
        " 'select pg_terminate_backend(pg_backend_pid())';"
        "grant execute on function private.ends to public;"
        "create policy ends on public.notes for select to anon using (private.ends())",
    )
    findings = Findings()
    checks.test_no_row_of_the_other_world_is_visible(judged, findings)

    assert {finding.subject for finding in findings.reported} == {"public.plans"}
    with pytest.raises(ProbeError, match=r"public\.notes.*57P01 it ended the session"):
        tried(checks, judged)


def test_a_finding_names_who_what_through_which_policy_and_the_sql(checks, judge):
    findings = Findings()
    judged = judge(
        NOTES, 'create policy "for ""all""" on public.notes for delete to authenticated using (true)'
    )
    checks.test_no_row_of_the_other_world_is_changed(judged, findings)

    (finding,) = findings.reported
    assert finding.subject == "public.notes"
    assert "stranger can delete 4 of 4 rows" in finding.saw
    assert 'policy "for "all"" using (true)' in finding.saw
    assert 'alter policy "for ""all""" on public.notes using (…);' in finding.fix


def test_a_healthy_schema_passes_every_check(checks, judge):
    judged = judge(NOTES)
    tried(checks, judged)
    for name, check in vars(checks).items():
        takes = check.__code__.co_varnames[: check.__code__.co_argcount] if name.startswith("test_") else ()
        if set(takes) == {"judged", "findings"}:
            findings = Findings()
            check(judged=judged, findings=findings)
            findings.settle()


def test_the_matrix_can_be_read_by_other_programs(judge):
    lines = as_csv(judge(NOTES).matrix.cells).splitlines()

    assert lines[0] == "relation,kind,persona,command,scope,case,outcome,rows,of,opened by,saw"
    assert "public.notes,table,anon,select,other,,nothing,0,4,,0 rows" in lines
