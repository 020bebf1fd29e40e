"""What checks put into a live target is gone afterwards, also after a killed run."""

import pytest

from fixtures import sweep
from shipworthy.errors import ProbeError, WriteRefusedError
from shipworthy.probes.http import bounded_client
from shipworthy.probes.supabase import ask, connect


def everything(synthetic):
    """Make one of each kind."""
    user = synthetic.user()
    organization = synthetic.organization(user)
    path = synthetic.object("documents", f"{organization}/{synthetic.name()}.txt", b"synthetic")
    return user, organization, path


def left(service, user, organization, path):
    folder = service.storage.from_("documents").list(organization)
    users = [known.email for known in service.auth.admin.list_users(per_page=1000)]
    rows = service.table("organizations").select("id").eq("id", organization).execute().data
    return [item for item in (user.email in users, rows, folder) if item]


def test_what_a_check_made_is_gone_after_it(synthetic, service, journal):
    made = everything(synthetic)
    assert len(left(service, *made)) == 3
    assert {entry.kind for entry in journal.entries()} == {"auth_user", "row", "storage_object"}

    synthetic.close()

    assert left(service, *made) == []
    assert list(journal.entries()) == []


def test_what_a_killed_run_left_is_swept_from_its_journal_alone(synthetic, service, journal, deployment):
    made = everything(synthetic)

    swept = list(sweep.sweep(journal.entries(), deployment))

    assert [said for gone, said in swept if not gone] == []
    assert left(service, *made) == []
    assert list(journal.entries()) == []


def test_what_was_noted_and_never_made_is_no_trouble(synthetic, journal, deployment):
    synthetic.expect_object("documents", "nobody/nothing.txt")
    synthetic.expect_rows("metrics", organization_id="00000000-0000-4000-8000-00000000ffff")

    assert all(gone for gone, _ in sweep.sweep(journal.entries(), deployment))
    assert list(journal.entries()) == []


def test_what_cannot_be_removed_is_reported_and_stays_in_the_journal(synthetic, service, journal):
    organization = synthetic.organization()
    decision = {"organization_id": organization, "agent": "router", "action": "choose"}
    service.table("agent_decisions").insert(decision).execute()  # append only: it keeps its organization

    with pytest.raises(ProbeError, match=r"synthetic rows of organizations are still there"):
        synthetic.close()
    assert [entry.data["table"] for entry in journal.entries()] == ["organizations"]


def test_a_target_that_allows_no_writes_gets_none(deployment):
    supabase = deployment.target.supabase
    with bounded_client(may_write=False) as http:
        client = connect(supabase.url, supabase.service_role_key.get_secret_value(), http)
        with pytest.raises(WriteRefusedError):
            ask(lambda: client.table("plans").insert({"tier": "x"}).execute())
        assert ask(lambda: client.table("plans").select("tier").execute().data).answer
