"""The rows that migrations themselves write, such as plans and feature flags, against the deployed ones.

A row is known by its key. What the API's users may delete or change is theirs: there a missing or a
changed row is use and no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from shipworthy.probes.placeholders import placeholder_in
from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS
from shipworthy.probes.postgres.declared import Comparison, Connection, Mismatch, shown, sql
from shipworthy.probes.postgres.project import Project

MOST_ROWS = 5_000
"""Rows of one table that are compared; a table that migrations fill with more is data, not a declaration."""
LONGEST_VALUE = 60
SECRET_COLUMN = ("secret", "password", "token", "hash", "api_key", "private")
_TABLES = """
select n.nspname as schema, c.relname as name, pg_catalog.format('%%I.%%I', n.nspname, c.relname) as label,
  users.may_update, users.may_delete,
  array(select a.attname::text from pg_catalog.pg_attribute a
        left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
          and a.atttypid <> all ('{timestamp,timestamptz,json}'::regtype[])
          and (a.atttypid = 'uuid'::regtype or a.attidentity = ''
               and coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') !~ '[(]|^CURRENT_')
        order by a.attnum) as columns,
  array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = c.oid
        and a.atttypid = 'uuid'::regtype and not a.attisdropped) as uuids,
  (select coalesce(json_agg(array(
            select a.attname from pg_catalog.pg_attribute a
            where a.attrelid = c.oid and a.attnum = any (x.indkey)
          ) order by not x.indisprimary, x.indnatts), '[]')
   from pg_catalog.pg_index x where x.indrelid = c.oid and x.indisunique and x.indpred is null
     and x.indexprs is null) as keys
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select
    coalesce(bool_or(has_any_column_privilege(r.oid, c.oid, 'update') and open.update), false) as may_update,
    coalesce(bool_or(has_table_privilege(r.oid, c.oid, 'delete') and open.delete), false) as may_delete
  from pg_catalog.pg_roles r cross join lateral (
    select not c.relrowsecurity or coalesce(bool_or(p.polcmd in ('*', 'w')), false) as update,
           not c.relrowsecurity or coalesce(bool_or(p.polcmd in ('*', 'd')), false) as delete
    from pg_catalog.pg_policy p
    where p.polrelid = c.oid and p.polpermissive and (0 = any (p.polroles) or r.oid = any (p.polroles))
  ) open where r.rolname in ('anon', 'authenticated')) users
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname <> all (%(platform)s) and n.nspname !~ '^pg_'
order by 3
"""
_COLUMNS = """
select a.attname::text from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
"""


@dataclass(frozen=True, slots=True)
class FilledTable:
    """A table of the project, with what can be compared of the rows that migrations wrote."""

    schema: str
    name: str
    label: str
    may_update: bool
    """The API's users may change its rows."""
    may_delete: bool
    key: tuple[str, ...]
    columns: tuple[str, ...]
    """Key and others, without those whose values the server makes."""
    rows: tuple[tuple[str | None, ...], ...]


def compare_rows(project: Project, made: Connection, live: Connection) -> Comparison:
    """Compare what migrations insert into the project's own tables with what is deployed.

    Args:
        project: an identifier that stands in its migrations was chosen, any other was drawn.
        made: the migrated scratch database, without seed.
        live: the deployed database.

    """
    text = "\n".join(migration.sql for migration in project.migrations)
    candidates = made.cursor(row_factory=dict_row).execute(_TABLES, {"platform": list(PLATFORM_SCHEMAS)})
    found: list[Mismatch] = []
    notes: list[str] = []
    rows = tables = 0
    for facts in candidates.fetchall():
        tables += 1
        table = _filled(made, live, facts, text)
        if table is None:
            continue
        if len(table.rows) > MOST_ROWS:
            notes.append(f"{table.label}: more than {MOST_ROWS} rows by migrations, not compared")
            continue
        rows += len(table.rows)
        found += _mismatches(table, live)
    return Comparison(1 + tables + rows, tuple(found), tuple(notes))


def _filled(made: Connection, live: Connection, facts: Mapping[str, Any], text: str) -> FilledTable | None:
    """Read a table; None where migrations wrote nothing that can be compared, or live has no such table."""
    place = (facts["schema"], facts["name"])
    there = {name for (name,) in live.execute(_COLUMNS, place)}
    columns = [name for name in facts["columns"] if name in there]
    if not columns:
        return None
    query = SQL("select {} from {} limit {}").format(_as_text(columns), Identifier(*place), MOST_ROWS + 1)
    rows = made.execute(query).fetchall()
    drawn = {
        name
        for index, name in enumerate(columns)
        if name in facts["uuids"] and not all(row[index] is None or row[index] in text for row in rows)
    }
    kept = [index for index, name in enumerate(columns) if name not in drawn]
    chosen = tuple(columns[index] for index in kept)
    if not rows or not chosen:
        return None
    keys = (tuple(key) for key in facts["keys"])
    key = next((names for names in keys if set(names) <= set(chosen)), chosen)
    return FilledTable(
        *place,
        label=facts["label"],
        may_update=facts["may_update"],
        may_delete=facts["may_delete"],
        key=key,
        columns=chosen,
        rows=tuple(tuple(row[index] for index in kept) for row in rows),
    )


def _mismatches(table: FilledTable, live: Connection) -> Iterator[Mismatch]:
    """Look every row up on live by its key."""
    deployed = _deployed(table, live)
    for row in table.rows:
        values = dict(zip(table.columns, row, strict=True))
        key = tuple(values[name] for name in table.key)
        there = deployed.get(key)
        where = " and ".join(_equals(name, values[name]) for name in table.key)
        subject = f"row {table.label} " + ", ".join(f"{name}={values[name]}" for name in table.key)
        if there is None:
            if not table.may_delete:
                yield Mismatch(
                    shown(subject),
                    "a migration inserts it, and live has no such row",
                    "the rows that migrations insert",
                    f"`{_insert(table, values)}`, or write `delete from {table.label} where {where}`"  # noqa: S608  a remedy to read
                    " into a migration",
                )
        elif not table.may_update:
            yield from _changed(table, subject, where, values, there)


def _insert(table: FilledTable, values: Mapping[str, str | None]) -> str:
    written = ", ".join(_value(name, value) for name, value in values.items())
    return f"insert into {table.label} ({', '.join(values)}) values ({written})"  # noqa: S608  a remedy


def _changed(
    table: FilledTable,
    subject: str,
    where: str,
    values: Mapping[str, str | None],
    there: Mapping[str, str | None],
) -> Iterator[Mismatch]:
    changed = [
        name
        for name, value in values.items()
        if there[name] != value and not (value and placeholder_in(value))
    ]
    if changed:
        sides = (f"{n}: project {_value(n, values[n])}, live {_value(n, there[n])}" for n in changed)
        settings = ", ".join(f"{name} = {_value(name, values[name])}" for name in changed)
        yield Mismatch(
            shown(subject),
            "; ".join(sides),
            "the values that the migration wrote: no user may change them",
            f"`update {table.label} set {settings} where {shown(where)}`,"  # noqa: S608  a remedy to read
            " or put the change into a migration",
        )


def _deployed(table: FilledTable, live: Connection) -> dict[tuple[str | None, ...], dict[str, str | None]]:
    """Read the deployed rows with the same keys: key to columns."""
    index = [table.columns.index(name) for name in table.key]
    wanted = [[row[place] for row in table.rows] for place in index]
    match = SQL(" and ").join(
        SQL("t.{0}::text is not distinct from k.{0}").format(Identifier(name)) for name in table.key
    )
    query = SQL("select {} from {} t where exists (select from unnest({}) as k ({}) where {})").format(
        _as_text(table.columns, "t"),
        Identifier(table.schema, table.name),
        SQL(", ").join(SQL("%s::text[]") for _ in table.key),
        SQL(", ").join(map(Identifier, table.key)),
        match,
    )
    found = live.execute(query, wanted).fetchall()
    return {tuple(row[i] for i in index): dict(zip(table.columns, row, strict=True)) for row in found}


def _as_text(columns: Sequence[str], alias: str = "") -> Composed:
    names = (Identifier(alias, name) if alias else Identifier(name) for name in columns)
    return SQL(", ").join(SQL("{}::text").format(name) for name in names)


def _equals(name: str, value: str | None) -> str:
    return f"{name} is null" if value is None else f"{name} = {sql(value)}"


def _value(name: str, value: str | None) -> str:
    if any(word in name for word in SECRET_COLUMN):
        return "(not shown)"
    text = "null" if value is None else sql(value)
    return shown(text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…")
