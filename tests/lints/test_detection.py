"""What a tool says of everything is no sign that it saw a fault."""

from __future__ import annotations

from docs.detection.deployments import about_roles
from docs.detection.tools import Remark, telling
from fixtures.reference.faults import all_faults

COMMON = frozenset(Remark("SEC002", f"public.t{n}", "error") for n in range(17))
CLEAN = COMMON | {Remark("SEC005", "public.plans", "warning")}


def test_what_is_new_counts():
    new = Remark("SEC005", "public.documents", "warning")
    assert telling(CLEAN | {new}, CLEAN) == ["SEC005"]


def test_what_was_there_before_does_not_count():
    assert telling(CLEAN, CLEAN) == []


def test_what_is_said_of_every_table_does_not_count():
    assert telling(CLEAN | {Remark("SEC002", "public.new", "error")}, CLEAN) == []


def test_taste_does_not_count():
    assert telling({Remark("prefer-robust-stmts", "1_new.sql:1", "warning")}, frozenset()) == []
    assert telling({Remark("require-lock-timeout", "1_new.sql:1", "warning")}, frozenset()) == []


def test_faults_of_roles_get_a_server_of_their_own():
    faults = all_faults()
    assert about_roles(faults["migrations.service_role_joined"])
    assert not about_roles(faults["migrations.column_granted"])
