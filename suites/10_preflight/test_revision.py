"""Which version the verdict will be about."""

from shipworthy.probes.git import is_work_tree, uncommitted_files
from shipworthy.revision import CI_VARIABLES


def test_tree_and_revision_are_known(environment, judged_version, project_folder, evidence, findings):
    """The revision under judgement is known, and the working tree holds nothing else.

    Why: a verdict about a version that nobody can check out again allows no promotion.
    Fix: run the gate in a clean checkout, or name the deployed commit in SHIPWORTHY_REVISION.
    """
    evidence.note(f"revision: {judged_version or 'unknown'}")
    findings.looked_at(1, "revisions")
    if not judged_version:
        findings.add(
            str(project_folder),
            saw=f"no git commit, and none of {', '.join(CI_VARIABLES)} is set",
            want="a known revision",
            fix="run in a git checkout, or set SHIPWORTHY_REVISION to the commit that is deployed",
        )
    if environment.clean_tree and is_work_tree(project_folder):
        for path in uncommitted_files(project_folder):
            findings.add(
                path,
                saw="it is not as it was committed",
                want="a clean working tree (environment.clean_tree)",
                fix=f"commit {path}, or undo the change: git restore {path}",
            )
