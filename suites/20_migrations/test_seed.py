"""Whether the seed can be relied on."""

from collections import defaultdict

from shipworthy import ProbeError, needs
from shipworthy.probes.postgres.contents import data_tables, read_contents
from shipworthy.probes.postgres.migrate import MigrationError, apply_seed
from shipworthy.probes.postgres.seed import (
    broken_constraints,
    count_constraints,
    read_disabled_triggers,
    read_sequences,
)


@needs("database")
def test_seed_loads(project, unseeded_database, findings, evidence):
    """The seed loads into a migrated database.

    Why: a seed that is older than the schema stops `supabase db reset`, and with it every developer and test.
    Fix: correct the statement that the finding names; the seed changes with the migration that needs it.
    """
    findings.looked_at(len(project.migrations) + len(project.seeds), "migrations and seed files")
    if project.unmatched:
        evidence.note(f"sql_paths names what is not there: {', '.join(project.unmatched)}")
    try:
        apply_seed(unseeded_database, project)
    except MigrationError as error:
        said = f"{error.message} (SQLSTATE {error.sqlstate})"
        findings.add(
            f"{error.file}:{error.line}",
            saw=". ".join(part for part in (said, error.detail, error.hint) if part),
            want="a seed that loads after the migrations",
            fix=f"correct {error.file} at line {error.line}, then run `supabase db reset`",
        )


@needs("database")
def test_seed_loads_twice(project, unseeded_database, findings, evidence):
    """Loading the seed again changes no row.

    Why: a seed that only loads once fails for everyone who has data, and one that adds rows each time makes
    every environment different.
    Fix: `insert … on conflict do nothing` for rows with a fixed key, `where not exists (…)` for others.
    """
    loaded = []
    try:
        for _ in ("first", "second"):
            apply_seed(unseeded_database, project)
            loaded.append(read_contents(unseeded_database, data_tables(unseeded_database)))
    except MigrationError as error:
        if not loaded:
            raise ProbeError(f"the seed does not even load once: {error}") from error
        findings.add(
            f"{error.file}:{error.line}",
            saw=f"load 2: {error.message} (SQLSTATE {error.sqlstate})",
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
            changed = f"the second load changed some of {before.rows} rows"
            findings.add(
                table,
                saw=rows if after.rows != before.rows else changed,
                want="the same rows after every load",
                fix=f"insert into {table} … on conflict do nothing; with a counted key: where not exists",
            )


@needs("database")
def test_no_sequence_is_behind_its_column(seeded_database, findings):
    """After migrations and seed every sequence gives out keys that its column does not have yet.

    Why: a key that is written out does not move the sequence, so that the application's first inserts fail
    with duplicate keys.
    Fix: leave the key to the sequence, or `select setval(…)` after the rows.
    """
    findings.looked_at(len(data_tables(seeded_database)), "tables")
    for state in read_sequences(seeded_database):
        if state.behind:
            furthest = "min" if state.counts_down else "max"
            findings.add(
                f"{state.table}.{state.column}",
                saw=f"{state.sequence} gives {state.next_value} next, the column has come to"
                f" {state.furthest}",
                want="a next value that no row has",
                fix=f"after the rows: select setval('{state.sequence}',"
                f" (select {furthest}({state.column}) from {state.table}));",
            )


@needs("database")
def test_seed_breaks_no_constraint(project, unseeded_database, findings):
    """After migrations and seed every row meets every check and foreign key, and the triggers are on.

    Why: a load with triggers off (`session_replication_role`, `disable trigger`) or under a NOT VALID
    constraint checks nothing, so that tests run on rows that no user could ever make.
    Fix: load the rows in the order of their references with triggers on, or bring the missing rows too.
    """
    before = read_disabled_triggers(unseeded_database)
    try:
        apply_seed(unseeded_database, project)
    except MigrationError as error:
        raise ProbeError(f"the seed does not load: {error}") from error
    findings.looked_at(len(data_tables(unseeded_database)), "tables")
    findings.looked_at(1 + count_constraints(unseeded_database), "constraints")
    for broken in broken_constraints(unseeded_database):
        findings.add(
            f"{broken.table}.{broken.name}",
            saw=f"{broken.rows} rows break {broken.definition}, such as {broken.example}",
            want="rows that every constraint lets in",
            fix="correct the rows, and load them with triggers on and the constraint valid",
        )
    left_off = defaultdict(list)
    for table, trigger in sorted(read_disabled_triggers(unseeded_database) - before):
        left_off[table].append(trigger)
    for table, triggers in left_off.items():
        findings.add(
            table,
            saw=f"the seed leaves its triggers off: {', '.join(triggers)}",
            want="every trigger as the migrations made it",
            fix=f"at the end of the seed: alter table {table} enable trigger all;",
        )
