"""Whether the seed can be relied on."""

from shipworthy import ProbeError, needs
from shipworthy.probes.postgres.contents import data_tables, read_contents
from shipworthy.probes.postgres.migrate import MigrationError, apply_migrations, apply_seed
from shipworthy.probes.postgres.scratch import connect_scratch


@needs("database")
def test_seed_loads_twice(project, empty_database, findings, evidence):
    """The seed loads into a migrated database, and loading it again changes no row.

    Why: a seed that only loads once fails for everyone who has data, and one that adds rows each time makes
    every environment different.
    Fix: `insert … on conflict do nothing` for rows with a fixed key, `where not exists (…)` for others.
    """
    with connect_scratch(empty_database) as connection:
        try:
            apply_migrations(connection, project)
        except MigrationError as error:
            raise ProbeError(f"the seed needs a migrated database: {error}") from error
        loaded = []
        try:
            for _ in ("first", "second"):
                apply_seed(connection, project)
                loaded.append(read_contents(connection, data_tables(connection)))
        except MigrationError as error:
            findings.add(
                f"{error.file}:{error.line}",
                saw=f"load {len(loaded) + 1}: {error.message} (SQLSTATE {error.sqlstate})",
                want="a seed that loads, and loads again",
                fix=f"correct {error.file} at line {error.line}: on conflict do nothing",
            )
            return
    once, twice = loaded
    evidence.json("rows.json", {table: contents.rows for table, contents in twice.items()})
    findings.looked_at(sum(contents.rows for contents in once.values()), "seeded rows")
    for table, before in once.items():
        after = twice[table]
        if after != before:
            rows = f"{before.rows} rows after the first load, {after.rows} after the second"
            findings.add(
                table,
                saw=rows
                if after.rows != before.rows
                else f"the second load changed some of {before.rows} rows",
                want="the same rows after every load",
                fix=f"insert into {table} … on conflict do nothing; with a counted key: where not exists",
            )
