"""What someone can do who has nothing but the public key."""

from shipworthy import needs


@needs("supabase", "database.live")
def test_api_hides_private_tables(live_relations, public_reading, callers, findings, evidence):
    """The deployed API gives a caller with the public key no row of a private table.

    Why: this is the door that everyone on the internet stands at; whatever is configured behind it, this
    is what comes out.
    Fix: `alter table … enable row level security` and `revoke select on … from anon`.
    """
    anonymous, service = callers
    answers = []
    for relation in findings.over(live_relations, "exposed tables and views"):
        theirs, ours = anonymous.read_table(relation.name), service.read_table(relation.name)
        answers.append({"table": relation.name, "anon": theirs.saw, "service_role": ours.saw})
        public = public_reading(relation.name)
        if public == "whole" and ours.anything and not theirs.anything:
            findings.add(
                relation.name,
                saw=f"it is public, but a caller with the anon key gets {theirs.saw}",
                want="everyone reads it",
                fix=f"grant select on {relation.name} to anon; and a policy for select to anon",
            )
        elif not public and theirs.anything:
            findings.add(
                relation.name,
                saw=f"a caller with the anon key gets {theirs.saw}",
                want="no row without signing in",
                fix=f"alter table {relation.name} enable row level security; "
                f"revoke select on {relation.name} from anon;",
            )
    evidence.json("answers.json", answers)
    readable = sum(answer["service_role"].startswith("200 with 1") for answer in answers)
    findings.looked_at(readable, "table that the service key reads a row of")
