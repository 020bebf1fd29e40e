"""What a project declares beside its schema, against what is deployed: jobs, secrets, versions.

Declared is what migrations write and what ``config.toml`` says; a value that neither names is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from pglast import ast
from psycopg.sql import Literal

from shipworthy.errors import ProbeError
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.drift import changed_lines
from shipworthy.probes.postgres.project import Project
from shipworthy.probes.postgres.statements import split_statements

Connection = psycopg.Connection[Any]
SECRET_NAME = re.compile(
    r"vault\s*\.\s*(?:decrypted_)?secrets\b.{0,300}?\bname\s*=\s*'((?:[^']|'')+)'", re.DOTALL | re.IGNORECASE
)
TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|\bsb_secret_\w+")
_TEXTS = """
select p.prosrc from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_'
union all
select pg_catalog.pg_get_viewdef(c.oid) from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_'
"""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that is not deployed as the project declares it."""

    subject: str
    saw: str
    want: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing declared things with deployed ones."""

    looked_at: int
    """Things of both sides that could have differed, and the places where there could have been some."""
    mismatches: tuple[Mismatch, ...]
    notes: tuple[str, ...] = field(default=())
    """What was passed over, and why."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job of pg_cron."""

    schedule: str
    command: str
    active: bool


def compare_jobs(project: Project, made: Connection, live: Connection) -> Comparison:
    """Compare the jobs that migrations schedule with the deployed ones: schedule, command, active.

    Raises:
        ProbeError: there are to be some, and the deployed ones cannot be seen.

    """
    wanted, deployed = _read_jobs(made), _read_jobs(live)
    if wanted and _exists(live, "cron", "job") and not may_read(live, "cron.job"):
        raise ProbeError("the live role may not read cron.job: grant usage on schema cron and select on it")
    unknown = sorted(deployed.keys() - wanted.keys())
    passed = [name for name in unknown if named_in(project, name)]
    strangers = (
        Mismatch(
            f"cron job {name}",
            f"it runs on live ({deployed[name].schedule}), and no migration schedules it",
            "no job that the project does not know",
            f"select cron.unschedule({sql(name)}), or schedule it in a migration",
        )
        for name in unknown
        if name not in passed
    )
    found = (*_job_mismatches(wanted, deployed), *strangers)
    return Comparison(1 + len(wanted), found, conditional("cron job", passed))


def _job_mismatches(wanted: Mapping[str, Job], deployed: Mapping[str, Job]) -> Iterator[Mismatch]:
    for name, job in sorted(wanted.items()):
        there = deployed.get(name)
        if there == job:
            continue
        remedy = f"select cron.schedule({sql(name)}, {sql(job.schedule)}, {sql(job.command)})"
        if there and (there.schedule, there.command) == (job.schedule, job.command):
            jobs = "select jobid from cron.job where jobname"
            remedy = f"select cron.alter_job(({jobs} = {sql(name)}), active := {sql(job.active)})"
        saw = _job_sides(job, there) if there else "it is not scheduled on live"
        yield Mismatch(f"cron job {name}", saw, "the job that the migrations schedule", shown(remedy))


def _job_sides(job: Job, there: Job) -> str:
    sides = []
    if job.schedule != there.schedule:
        sides.append(f"schedule: project {job.schedule}, live {there.schedule}")
    if job.active != there.active:
        sides.append(
            "it is paused on live" if job.active else "it runs on live although the project pauses it"
        )
    if job.command != there.command:
        sides.append(
            f"the commands of project (-) and live (+) differ:\n{changed_lines(job.command, there.command)}"
        )
    return shown("; ".join(sides))


def _read_jobs(connection: Connection) -> dict[str, Job]:
    """Read the jobs by name; one without a name is known by its command."""
    if not may_read(connection, "cron.job"):
        return {}
    rows = connection.execute("select coalesce(jobname, command), schedule, command, active from cron.job")
    return {
        name: Job(schedule, "\n".join(map(str.strip, command.strip().splitlines())), active)
        for name, schedule, command, active in rows
    }


def compare_secrets(made: Connection, live: Connection) -> Comparison:
    """Look for the secrets that functions, views and jobs of the project read from the vault, by name.

    Which others there are is the environment's own business; values are never read.

    Raises:
        ProbeError: some are needed and the deployed vault cannot be looked into.

    """
    texts = [text for (text,) in made.execute(_TEXTS, {"platform": list(PLATFORM_SCHEMAS)})]
    texts += [job.command for job in _read_jobs(made).values()]
    wanted = {name.replace("''", "'") for text in texts for name in SECRET_NAME.findall(text)}
    wanted |= _secret_names(made)
    if not wanted:
        return Comparison(1 + len(texts), ())
    if _exists(live, "vault", "secrets") and not may_read(live, "vault.secrets"):
        raise ProbeError(
            f"the project reads {', '.join(sorted(wanted))} from the vault, and the live role may not look"
            " there: connect as postgres, or grant usage on schema vault and select (name) on vault.secrets"
        )
    return Comparison(
        1 + len(texts),
        tuple(
            Mismatch(
                f"vault secret {name}",
                "the project reads it, and the live vault has none of that name",
                "every secret that functions and jobs read",
                f"select vault.create_secret('…', {sql(name)})",
            )
            for name in sorted(wanted - _secret_names(live))
        ),
    )


def _secret_names(connection: Connection) -> set[str]:
    if not may_read(connection, "vault.secrets"):
        return set()
    return {name for (name,) in connection.execute("select name from vault.secrets where name is not null")}


def pinned_extensions(project: Project) -> dict[str, str]:
    """Give the extensions whose version the migrations name, the last word on each."""
    pins: dict[str, str] = {}
    for migration in project.migrations:
        if "extension" not in migration.sql.lower():
            continue
        for statement in split_statements(migration.sql):
            node = statement.node
            if isinstance(node, ast.CreateExtensionStmt | ast.AlterExtensionStmt):
                options: Iterable[Any] = node.options or ()
                pins |= {str(node.extname): str(o.arg.sval) for o in options if o.defname == "new_version"}
    return pins


def may_read(connection: Connection, table: str) -> bool:
    """Tell whether a table is there and may be read; one column is enough."""
    row = connection.execute(
        "select coalesce(has_schema_privilege(c.relnamespace, 'usage')"
        " and has_any_column_privilege(c.oid, 'select'), false)"
        " from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where format('%%s.%%s', n.nspname, c.relname) = %s",
        [table],
    ).fetchone()
    return bool(row and row[0])


def _exists(connection: Connection, schema: str, name: str) -> bool:
    """Tell whether a relation is there, to whoever may not look into its schema, too."""
    row = connection.execute(
        "select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relname = %s",
        [schema, name],
    ).fetchone()
    return row is not None


def named_in(project: Project, name: str) -> bool:
    """Tell whether the migrations speak of something: under a condition, they need not have made it."""
    return any(f"'{name}'" in migration.sql for migration in project.migrations)


def shown(text: str) -> str:
    """Give a text without the tokens in it."""
    return TOKEN.sub("(a token)", text)


def conditional(what: str, names: Iterable[str]) -> tuple[str, ...]:
    """Say what was passed over because migrations make it only where they can."""
    return tuple(
        f"{what} {name}: a migration names it but did not make it on the scratch server" for name in names
    )


def sql(value: object) -> str:
    """Write a value as SQL."""
    if isinstance(value, list):
        return f"array[{', '.join(map(sql, value))}]"
    return str(value).lower() if isinstance(value, bool | int) else Literal(value).as_string(None)
