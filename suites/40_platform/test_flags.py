"""Feature flags."""

from shipworthy import mutates, needs
from shipworthy.probes.supabase import ask


@needs("supabase.feature_flags")
@mutates
def test_members_read_flags_and_change_none(member, supabase_service, synthetic, findings):
    """Every user reads the feature flags; nobody but the service sets one.

    Why: flags are read at every start of the app and decide what it does; who sets one decides for everybody.
    Fix: grant select on feature_flags to authenticated and nothing else, with a policy `for select`.
    """
    flag = synthetic.name().replace("-", "_")
    synthetic.row("feature_flags", found_by=("key",), key=flag, enabled=False, description="Synthetic")
    mine = member.client.table("feature_flags")
    readable = ask(lambda: mine.select("enabled").eq("key", flag).execute().data)
    tried = {
        "update": lambda: mine.update({"enabled": True}).eq("key", flag).execute(),
        "insert": lambda: mine.insert({"key": f"{flag}_x", "enabled": True}).execute(),
        "delete": lambda: mine.delete().eq("key", flag).execute(),
    }
    synthetic.expect_rows("feature_flags", key=f"{flag}_x")
    for change, attempt in findings.over(tried.items(), "changes"):
        asked = ask(attempt)
        touched = asked.answer.data if asked.answer else []
        if touched:
            saw, fix = (
                f"a member's {change} reached {touched}",
                f"revoke {change} on public.feature_flags from authenticated;",
            )
            findings.add("public.feature_flags", saw=saw, want="only the service changes flags", fix=fix)

    left = (
        supabase_service.table("feature_flags").select("key, enabled").like("key", f"{flag}%").execute().data
    )
    assert readable.answer == [{"enabled": False}], f"a member reads {readable.answer or readable.refusal}"
    assert left == [{"key": flag, "enabled": False}] or findings.reported, f"the flags are now {left}"
