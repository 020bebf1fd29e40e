"""Variables that a build ships to browsers."""

from shipworthy.probes.exposure import env_files, exposed_in, read_env_file


def test_no_secret_has_a_public_name(environment, variables, declared_secrets, project_folder, findings):
    """No variable with a public prefix carries a service key or another secret.

    Why: build tools copy VITE_… and NEXT_PUBLIC_… into scripts that every visitor can read.
    Fix: rename the variable without the prefix, use it on servers only, and rotate the key:
    it may be out already.
    """
    prefixes = environment.public_prefixes
    for secret in declared_secrets.values():
        control = exposed_in({f"{prefixes[0]}CONTROL": secret}, prefixes, declared_secrets)
        assert list(control), "control: a secret under a public name must be recognised"
    sources = {"the environment": variables}
    sources |= {
        str(file.relative_to(project_folder)): read_env_file(file) for file in env_files(project_folder)
    }
    for source, named in sources.items():
        findings.looked_at(len(named), "variables")
        for exposure in exposed_in(named, prefixes, declared_secrets):
            findings.add(
                f"{exposure.variable} in {source}",
                saw=exposure.what,
                want="nothing secret under a name that is shipped to browsers",
                fix=f"remove {exposure.variable}, use it on servers only, under another name",
            )
