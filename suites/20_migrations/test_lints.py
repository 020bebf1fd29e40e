"""Whether tools of others object: each applies where the target declares it under ``[database.lints]``.

Their errors are findings. Their warnings are notes in the evidence, except those about security that no
check of the gate judges itself.
"""

from shipworthy import needs


@needs("database.live", "database.lints.squawk")
def test_pending_migrations_stop_nobody(objections, history, findings, evidence):
    """No pending migration has a statement that squawk knows to stop others or to break deployed code.

    Why: an index that is built without `concurrently` locks out every write for as long as it takes.
    Fix: write the statement as the finding says.
    """
    findings.looked_at(len(history.applied) + len(history.pending), "applied and pending migrations")
    for item in objections:
        if item.grave:
            findings.add(
                f"migrations/{item.file}:{item.line}",
                saw=f"{item.rule}: {item.message}",
                want="a migration that a running system does not feel",
                fix=item.help or f"see the description of {item.rule} on squawkhq.com",
            )
        else:
            evidence.note(f"{item.file}:{item.line}: {item.rule}: {item.message}")


@needs("database", "database.lints.plpgsql")
def test_functions_can_be_executed(bodies, findings, evidence):
    """No PL/pgSQL function names a table, column or function that is not there, or mixes up types.

    Why: Postgres looks into a function when it is called, and then only at the path that is taken.
    Fix: correct the function in a new migration.
    """
    findings.looked_at(1 + len(bodies.functions), "migrated database and functions")
    for problem in bodies.problems:
        if problem.grave:
            findings.add(
                f"function {problem.function}",
                saw=f"line {problem.line}: {problem.message}",
                want="a body that can be executed",
                fix=problem.hint or f"correct {problem.function} in a new migration",
            )
        else:
            evidence.note(f"{problem.function}:{problem.line}: {problem.message}")
