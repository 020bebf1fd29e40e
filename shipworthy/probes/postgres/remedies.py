"""The statement that gives a deployed database back what the project says."""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST = 300
"""Characters; what is longer stands in its migration."""
Maker = Callable[[str, str | None, str | None], str | None]
NAME = r'(?:"(?:[^"]|"")*"|[^."])+'


def statement(kind: str, name: str, project: str | None, live: str | None) -> str | None:
    """Give the SQL that makes the deployed side of a fact like the project's.

    Args:
        kind: of the fact.
        name: of the fact.
        project: its definition as the project makes it; None where it does not.
        live: as it is deployed; None where it is not.

    Returns:
        None where no single short statement does it.

    """
    maker = MAKERS.get(kind)
    sql = maker(name, project, live) if maker else None
    if not sql or len(sql) > LONGEST:
        return None
    return sql if kind == "function" else " ".join(sql.split())  # a body keeps its lines


def _within(name: str) -> tuple[str, str]:
    """Split the name of a part: ``public.plans.tier`` into its table and itself."""
    parts = re.findall(rf"{NAME}", name)
    return ".".join(parts[:-1]), parts[-1]


def _beside(name: str) -> str:
    """Name an index by its schema: it has one, and ``table.index`` does not say it."""
    table, index = _within(name)
    return f"{_within(table)[0]}.{index}"


def _only_drop(what: str) -> Maker:
    return lambda name, project, _: f"drop {what} {name}" if project is None else None


def _column(name: str, project: str | None, live: str | None) -> str | None:
    table, column = _within(name)
    if project is None:
        return f"alter table {table} drop column {column}"
    if live is None:
        return f"alter table {table} add column {column} {project}"
    if "generated always as (" in project.replace(" as identity", ""):
        return f"alter table {table} drop column {column}, add column {column} {project}"
    changes = [
        f"alter column {column} {verb}"
        for had, verb in (
            (" not null" in project and " not null" not in live, "set not null"),
            (" not null" in live and " not null" not in project, "drop not null"),
            (_default(live) and not _default(project), "drop default"),
            (_default(project) != _default(live) and _default(project), f"set default {_default(project)}"),
            (_type(project) != _type(live), f"type {_type(project)}"),
        )
        if had
    ]
    return f"alter table {table} {', '.join(changes)}" if changes else None


def _type(definition: str) -> str:
    return re.split(
        r" (?:collate|not null|default|generated|storage|compression|statistics|options) ?", definition
    )[0]


def _default(definition: str) -> str:
    match = re.search(r" default (.+)$", definition)
    return match[1] if match else ""


def _constraint(name: str, project: str | None, live: str | None) -> str:
    table, constraint = _within(name)
    if project is None:
        return f"alter table {table} drop constraint {constraint}"
    if live == f"{project} NOT VALID":
        return f"alter table {table} validate constraint {constraint}"
    drop = f" drop constraint {constraint}," if live is not None else ""
    return f"alter table {table}{drop} add constraint {constraint} {project}"


def _index(name: str, project: str | None, live: str | None) -> str:
    drop = f"drop index concurrently {_beside(name)}"
    if project is None:
        return drop
    if live == f"{project} INVALID":
        return f"reindex index concurrently {_beside(name)}"
    create = re.sub(r"^(CREATE (?:UNIQUE )?INDEX)", r"\1 CONCURRENTLY", project)
    return create if live is None else f"{drop}; {create}"


def _view(name: str, project: str | None, live: str | None) -> str | None:
    definition = project or live or ""
    what = "materialized view" if definition.startswith("materialized") else "view"
    if project is None:
        return f"drop {what} {name}"
    head, _, query = project.partition("\n")
    if live is None:
        options = re.search(r" with (.+)$", head)
        return f"create {what} {name}{f' with ({options[1]})' if options else ''} as {query}"
    if query != live.partition("\n")[2]:
        return f"create or replace view {name} as {query}" if what == "view" else None
    wanted, have = (dict(re.findall(r"(\w+)=(\w+)", text.partition("\n")[0])) for text in (project, live))
    lost = [f"{option} = {value}" for option, value in wanted.items() if have.get(option) != value]
    if lost:
        return f"alter {what} {name} set ({', '.join(lost)})"
    extra = ", ".join(sorted(have.keys() - wanted.keys()))
    return f"alter {what} {name} reset ({extra})" if extra else None


def _function(name: str, project: str | None, live: str | None) -> str | None:
    if project is None:
        return f"drop {'aggregate' if (live or '').startswith('aggregate ') else 'function'} {name}"
    if live is None:
        return project.partition("\n")[2]
    if project.partition("\n")[2] == live.partition("\n")[2]:
        return f"alter function {name} owner to {_owner(project)}"
    return project.partition("\n")[2]


def _owner(definition: str) -> str:
    return definition.partition("\n")[0].removeprefix("owned by ").replace("the project", "postgres")


def _trigger(name: str, project: str | None, live: str | None) -> str | None:
    if name.startswith("event trigger "):
        return f"drop {name}" if project is None else None
    table, trigger = _within(name)
    if project is None:
        return f"drop trigger {trigger} on {table}"
    states = (" DISABLED", " ALWAYS", " REPLICA")
    was, is_now = (re.sub(r" (DISABLED|ALWAYS|REPLICA)$", "", text or "") for text in (project, live))
    if was == is_now:
        state = next((text.lower() for text in states if project.endswith(text)), "")
        verb = "disable" if state == " disabled" else f"enable{state}"
        return f"alter table {table} {verb} trigger {trigger}"
    return was if live is None else f"drop trigger {trigger} on {table}; {was}"


def _policy(name: str, project: str | None, live: str | None) -> str:
    table, policy = _within(name)
    drop = f"drop policy {policy} on {table}"
    if project is None:
        return drop
    create = f"create policy {policy} on {table} as {project}"
    return create if live is None else f"{drop}; {create}"


def _row_level_security(name: str, project: str | None, live: str | None) -> str | None:
    if project is None or live is None:
        return None
    wanted, have = project.split(", "), live.split(", ")
    verbs = [] if wanted[0] == have[0] else [f"{wanted[0].removesuffix('d')} row level security"]
    if wanted[1:] != have[1:]:
        verbs.append("force row level security" if wanted[1:] else "no force row level security")
    return f"alter table {name} {', '.join(verbs)}"


def _grant(name: str, project: str | None, live: str | None) -> str:
    thing, _, role = name.rpartition(" to ")
    wanted, have = (set((text or "").split(", ")) - {""} for text in (project, live))
    kind, _, what = thing.partition(" ")
    column = ""
    if kind == "column":
        what, column = _within(what)
        kind, column = "table", f" ({column})"
    parts = [("grant", wanted - have, "to"), ("revoke", have - wanted, "from")]
    return "; ".join(
        f"{verb} {', '.join(f'{p}{column}' for p in sorted(privileges))} on {kind} {what} {word} {role}"
        for verb, privileges, word in parts
        if privileges
    )


def _default_privileges(name: str, project: str | None, live: str | None) -> str:
    what, _, rest = name.removeprefix("for ").partition(" in ")
    schema, _, role = rest.rpartition(" to ")
    where = "" if schema == "every schema" else f" in schema {schema}"
    wanted, have = (set((text or "none").split(", ")) - {"none"} for text in (project, live))
    parts = [("grant", wanted - have, "to"), ("revoke", have - wanted, "from")]
    return "; ".join(
        f"alter default privileges{where} {verb} {', '.join(sorted(privileges))} on {what} {word} {role}"
        for verb, privileges, word in parts
        if privileges
    )


def _publication(name: str, project: str | None, live: str | None) -> str | None:
    publication, of, table = name.partition(" of ")
    if not of:
        return f"drop publication {publication}" if project is None else None
    if project is not None and live is not None:
        return None
    return f"alter publication {publication} {'drop' if project is None else 'add'} table {table}"


def _membership(name: str, project: str | None, live: str | None) -> str | None:
    member, _, role = name.partition(" in ")
    if project is not None and live is not None:
        return None
    return f"revoke {role} from {member}" if project is None else f"grant {role} to {member}"


def _role_setting(name: str, project: str | None, _: str | None) -> str:
    role, _, setting = name.partition(" ")
    setting, here, _ = setting.partition(" in this database")
    where = " in database postgres" if here else ""  # its name on every Supabase project
    return f"alter role {role}{where} " + (
        f"reset {setting}" if project is None else f"set {setting} = '{project}'"
    )


def _sequence(name: str, project: str | None, live: str | None) -> str | None:
    if project is None or live is None:
        return f"drop sequence {name}" if project is None else None
    wanted, have = (
        dict(re.findall(r"(start|increment|min|max|cache) (-?\d+)", text)) for text in (project, live)
    )
    words = {"min": "minvalue", "max": "maxvalue"}
    changes = [f"{words.get(key, key)} {value}" for key, value in wanted.items() if have.get(key) != value]
    if (" cycle" in project) != (" cycle" in live):
        changes.append("cycle" if " cycle" in project else "no cycle")
    return f"alter sequence {name} {' '.join(changes)}" if changes else None


def _extension(name: str, project: str | None, live: str | None) -> str | None:
    if project is None:
        return f"drop extension {name}"
    schema = project.removeprefix("in ") if project.startswith("in ") and "," not in project else ""
    return f"create extension {name}" + (f" with schema {schema}" if schema else "") if live is None else None


def _type_change(name: str, project: str | None, live: str | None) -> str | None:
    if project is None:
        return f"drop {'domain' if (live or '').startswith('domain') else 'type'} {name}"
    if live is None and project.startswith("enum"):
        return f"create type {name} as enum ({project.removeprefix('enum ')})"
    if live is None or not project.startswith("enum"):
        return None
    wanted, have = (re.findall(r"'(?:[^']|'')*'", text) for text in (project, live))
    missing = [label for label in wanted if label not in have]
    if set(have) - set(wanted) or [label for label in wanted if label in have] != have:
        return None
    return "; ".join(_add_label(name, label, wanted) for label in missing)


def _add_label(name: str, label: str, labels: list[str]) -> str:
    place = labels.index(label)
    where = f"after {labels[place - 1]}" if place else f"before {labels[1]}"
    return f"alter type {name} add value {label} {where}"


MAKERS: dict[str, Maker] = {
    "schema": _only_drop("schema"),
    "table": _only_drop("table"),
    "column": _column,
    "constraint": _constraint,
    "index": _index,
    "view": _view,
    "contents": lambda name, *_: f"refresh materialized view {name}",
    "sequence": _sequence,
    "function": _function,
    "trigger": _trigger,
    "policy": _policy,
    "row level security": _row_level_security,
    "grant": _grant,
    "default privileges": _default_privileges,
    "publication": _publication,
    "replica identity": lambda name, project, _: (
        f"alter table {name} replica identity {(project or 'default').replace('index', 'using index')}"
    ),
    "extension": _extension,
    "extension version": lambda name, project, _: f"alter extension {name} update to '{project}'",
    "type": _type_change,
    "statistics": lambda name, project, _: project or f"drop statistics {name}",
    "role": _only_drop("role"),
    "membership": _membership,
    "role setting": _role_setting,
}
