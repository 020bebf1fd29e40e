"""Whether Supabase's own advisors object, where the target asks them under ``[database.lints]``.

They stand in this stage because most of what they say is about access; what they alone see about
speed is a note.
"""

from shipworthy import needs


@needs("database", "database.lints.advisors")
def test_advisors_see_no_danger(advice, findings, evidence):
    """Supabase's own advisors report no error on the migrated database, nor a danger that they alone see.

    Why: what the dashboard shows in red after the deployment can be known before it.
    Fix: follow the description of the lint that the finding names.
    """
    findings.looked_at(1, "migrated database")
    evidence.json("advisors.json", [[a.level, a.lint, a.subject, a.detail] for a in advice])
    for item in advice:
        if item.grave:
            findings.add(
                f"{item.lint} {item.subject}",
                saw=item.detail,
                want="no error of an advisor",
                fix=item.remediation,
            )
    quiet = [item for item in advice if not item.grave]
    if quiet:
        evidence.note(f"{len(quiet)} hints of the advisors are in advisors.json")
