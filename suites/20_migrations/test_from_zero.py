"""Whether the migrations make the database, starting from nothing."""

from collections import Counter

from shipworthy import needs
from shipworthy.probes.postgres.migrate import MigrationError, apply_migrations
from shipworthy.probes.postgres.scratch import connect_scratch


@needs("database")
def test_migrations_apply_from_zero(project, empty_database, findings):
    """Every migration applies, in order, to a new database.

    Why: what applies only on top of somebody's database cannot be rebuilt, reviewed or restored.
    Fix: correct the statement; a migration that is applied already is corrected by a new one before it fails.
    """
    if not project.migrations:
        findings.add("migrations", **_without_migrations(project))
        return
    try:
        with connect_scratch(empty_database) as connection:
            applied = apply_migrations(connection, project)
        findings.looked_at(len(applied), "migrations")
    except MigrationError as error:
        said = f"{error.message} (SQLSTATE {error.sqlstate})"
        findings.add(
            str(error.path.relative_to(project.path)) + f":{error.line}",
            saw=". ".join(part for part in (said, error.detail, error.hint) if part),
            want="a migration that applies to a new database",
            fix=f"correct {error.file} at line {error.line}, then run `supabase db reset`",
        )


def _without_migrations(project):
    want = "migrations that make the schema"
    if not project.migrations_enabled:
        return {
            "saw": "[db.migrations] in config.toml has enabled = false, so that nothing makes the schema",
            "want": want,
            "fix": "enabled = true; or name the folder that holds the migrations as database.project",
        }
    return {
        "saw": f"no migration, and {len(project.schemas)} declared schema files, which no deployment applies",
        "want": want,
        "fix": "`supabase db diff -f initial` writes the first migration from the declared schema",
    }


@needs("database")
def test_every_file_is_a_migration(project, findings):
    """Every SQL file in the migrations folder has a version of its own.

    Why: tools pass over a file that is not named like a migration, and apply one of two with one version.
    Fix: name it `<timestamp>_<name>.sql`, as `supabase migration new` does.
    """
    versions = Counter(migration.version for migration in project.migrations)
    findings.looked_at(len(project.migrations) + len(project.ignored), "files")
    for migration in project.migrations:
        if versions[migration.version] > 1:
            findings.add(
                f"migrations/{migration.path.name}",
                saw=f"{versions[migration.version]} files have the version {migration.version}",
                want="a version of its own",
                fix=f"`supabase migration new {migration.name}`, and move the statements there",
            )
    for file in project.ignored:
        findings.add(
            f"migrations/{file.name}",
            saw="its name has no version, so nothing applies it",
            want="<timestamp>_<name>.sql, or no file at all",
            fix=f"`supabase migration new {file.stem}`, and move the statements there",
        )
