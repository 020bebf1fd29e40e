"""Secrets in files that others can read."""

from shipworthy.probes.git import count_tracked, find_tracked, is_work_tree


def test_no_secret_is_tracked(loaded_target, server_secrets, project_folder, findings):
    """No secret of this target stands in its target file or in any file under version control.

    Why: whoever can read the repository, now or in its history, can use the secret.
    Fix: rotate the secret, take it out of the file, and read it from the environment: "${NAME}".
    """
    names = {value: key for key, value in server_secrets.items()}
    text = loaded_target.path.read_text(encoding="utf-8")
    found = {(loaded_target.path.name, names[secret]) for secret in names if secret in text}
    findings.looked_at(1, "target files")
    # An installed gate may lie in a folder that some repository ignores: nothing of it is tracked there.
    if is_work_tree(project_folder) and (files := count_tracked(project_folder)):
        findings.looked_at(files, "tracked files")
        tracked = find_tracked(project_folder, names)
        found |= {(f"{place.path} line {place.line}", names[place.text]) for place in tracked}
    for where, key in sorted(found):
        findings.add(
            where,
            saw=f"the value of {key}",
            want="no secret in the repository",
            fix=f'rotate {key}, remove it from the file, and write key = "${{NAME}}" in the target',
        )
