"""Writing an access contract from what was measured; an existing one changes only where it is not so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tomlkit
from tomlkit.items import AoT, Array, InlineTable, String

from shipworthy.probes.postgres.access.audience import WHO
from shipworthy.probes.postgres.access.audiences import FunctionAccess, Measured, RelationAccess
from shipworthy.probes.postgres.access.contract import Audiences, signature_of
from shipworthy.probes.postgres.access.differences import GONE, Difference
from shipworthy.probes.postgres.access.lines import access_line, access_values, audience_value, quoted, texts

HEAD = """\
# Who is meant to reach what. Drafted by shipworthy from what was measured: review every line.
# A command that is not mentioned is nobody's but the service's. See docs/access-contract.md.
version = 1
"""
SMALLEST_GROUP = 2


def draft(measured: Measured, exposed: Iterable[str]) -> str:
    """Write a contract that says what is so: every exposed table and view, every function that users call."""
    alike: dict[str, list[RelationAccess]] = defaultdict(list)
    for name in sorted(exposed):
        if relation := measured.relations.get(name):
            alike[access_line(relation.access)].append(relation)
    single = [rs for rs in alike.values() if len(rs) < SMALLEST_GROUP]
    groups = [rs for rs in alike.values() if len(rs) >= SMALLEST_GROUP]
    functions = _function_lines(measured.functions)
    parts = [HEAD]
    if single:
        parts.append("\n".join(["[tables]", *(_single(relations[0]) for relations in single)]) + "\n")
    parts += ["\n".join(_group(relations)) + "\n" for relations in sorted(groups, key=_group_order)]
    if functions:
        parts.append("\n".join(["[functions]", *functions]) + "\n")
    return "\n".join(parts)


def _single(relation: RelationAccess) -> str:
    return f"{quoted(relation.relation)} = {access_line(relation.access)}{_remark(relation)}"


def _group(relations: list[RelationAccess]) -> Iterator[str]:
    access = relations[0].access
    yield "[[groups]]"
    yield "tables = ["
    yield from (f"  {quoted(relation.relation)},{_remark(relation)}" for relation in relations)
    yield "]"
    values = access_values(access) or {"read": texts(())}
    for key, names in values.items():
        yield f"{key} = " + (
            quoted(names[0]) if len(names) == 1 else "[" + ", ".join(map(quoted, names)) + "]"
        )


def _group_order(relations: list[RelationAccess]) -> tuple[int, str]:
    readers = {WHO.index(audience.who) for audience in relations[0].access["select"]}
    return min(readers, default=len(WHO)), relations[0].relation


def _remark(relation: RelationAccess) -> str:
    """Say behind a line what a reviewer must know of it."""
    doubts = [f"is it meant that {doubt}?" for doubt in relation.doubts]
    blind = [f"not measured: {reason}" for reason in dict.fromkeys(relation.unproven.values())]
    return "".join(f"  # {' '.join(remark.split())}" for remark in (*doubts, *blind))


def _function_lines(functions: Iterable[FunctionAccess]) -> list[str]:
    by_name: dict[str, list[FunctionAccess]] = defaultdict(list)
    for function in functions:
        by_name[function.name].append(function)
    called = (
        overloads for _, overloads in sorted(by_name.items()) if any(one.audiences for one in overloads)
    )
    return [
        f"{quoted(name)} = {audience_value(audiences)}"
        for overloads in called
        for name, audiences in _function_values(overloads).items()
    ]


def _function_values(overloads: Sequence[FunctionAccess]) -> dict[str, Audiences]:
    """Name functions of one name together where they are for the same, by their types where not."""
    if len({function.audiences for function in overloads}) == 1:
        return {overloads[0].name: overloads[0].audiences}
    return {function.signature: function.audiences for function in overloads}


def redraft(text: str, measured: Measured, differences: Iterable[Difference]) -> str:
    """Bring an existing contract in line with what was measured.

    Args:
        text: the file; its comments, its order, row templates and claims stay.
        measured: what is so.
        differences: what the two differ in; only the lines that these are about are changed.

    """
    document: Any = tomlkit.parse(text)
    kinds = {difference.subject: difference.kind for difference in differences}
    for subject, kind in kinds.items():
        relation = measured.relations.get(subject)
        overloads = tuple(one for named in measured.named(subject)[:1] for one in measured.named(named.name))
        if relation:
            _declare_table(document, relation)
        elif overloads:
            _declare_function(document, overloads)
        elif kind == GONE:
            _forget(document, subject)
    return tomlkit.dumps(document)


def _declare_table(document: Any, relation: RelationAccess) -> None:
    _leave_groups(document, relation.relation)
    tables = document.setdefault("tables", tomlkit.table())
    here = tables.get(relation.relation)
    row = here.get("row") if here is not None else None
    line: Any
    if here is None or isinstance(here, InlineTable):
        tables[relation.relation] = line = tomlkit.value(access_line(relation.access))
    elif here.is_super_table():  # nothing but a row template, which a section of its own can hold
        tables[relation.relation] = line = tomlkit.table()
        _fill(line, relation, row)
    else:
        line = here
        _fill(line, relation, row)
    if row is not None and "row" not in line:
        line["row"] = row


def _fill(section: Any, relation: RelationAccess, row: Any) -> None:
    """Write a table's access into its own section; one with nothing but a template would declare none."""
    for key in [key for key in section if key != "row"]:
        del section[key]
    values = access_values(relation.access) or ({"read": texts(())} if row is not None else {})
    for key, names in values.items():
        section[key] = _written(names)


def _written(names: list[str]) -> String | Array:
    if len(names) == 1:
        return tomlkit.string(names[0])
    array = tomlkit.array()
    array.extend(names)
    return array


def _declare_function(document: Any, overloads: tuple[FunctionAccess, ...]) -> None:
    section = document.setdefault("functions", tomlkit.table())
    written = _function_values(overloads)
    names = {overloads[0].name, *(function.signature for function in overloads)}
    for key in [key for key in section if signature_of(key) in names and key not in written]:
        del section[key]
    for key, audiences in written.items():
        section[key] = _written(texts(audiences))


def _forget(document: Any, name: str) -> None:
    _leave_groups(document, name)
    for section in ("tables", "functions"):
        if section in document:
            document[section].pop(name, None)


def _leave_groups(document: Any, name: str) -> None:
    groups = document.get("groups")
    if not isinstance(groups, AoT):
        return
    for group in groups:
        if name in group["tables"]:
            group["tables"].remove(name)
    for index in reversed(range(len(groups))):
        if not groups[index]["tables"]:
            del groups[index]
    if not groups:
        del document["groups"]
