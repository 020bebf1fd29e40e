"""What the tables of a project demand of a row: types, checks, keys, triggers, policies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from shipworthy.probes.postgres.catalogue import PLATFORM_SCHEMAS

PLATFORM_TABLES = ("auth.users", "auth.identities", "storage.buckets", "storage.objects")
"""Tables of the platform in which every project's rows begin or end."""

TABLE, PARTITIONED, FOREIGN = "table", "partitioned table", "foreign table"
VIEW, MATERIALIZED = "view", "materialized view"
KINDS = {"e": "enum", "c": "composite", "r": "range", "m": "multirange"}
_Thing = TypeVar("_Thing")


def bare(name: str) -> str:
    """Give a quoted identifier without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


@dataclass(frozen=True, slots=True)
class Check:
    """A check constraint of a table, a domain, or a partition (its bounds)."""

    name: str
    """Quoted where needed; of a partition's bounds, the partition."""
    expression: str
    """As Postgres writes it under an empty ``search_path``. A domain's speaks of ``value``."""
    columns: tuple[str, ...] = ()
    validated: bool = True


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain; domains over domains are several of them."""

    name: str
    checks: tuple[Check, ...]
    not_null: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Type:
    """A data type, seen through domains."""

    text: str
    """As it stands in a cast: ``public.email``, ``character varying(20)``, ``extensions.vector(384)``."""
    plain: str
    """The same for what lies under all domains."""
    base: str
    """The bare name of that in ``pg_type``: ``text``, ``varchar``, ``int4``, ``vector``."""
    kind: str
    """``scalar``, ``enum``, ``array``, ``composite``, ``range`` or ``multirange``."""
    labels: tuple[str, ...] = ()
    """Of an enum, in order."""
    element: Type | None = None
    """Of an array."""
    fields: tuple[tuple[str, Type], ...] = ()
    """Of a composite type: name and type."""
    subtype: Type | None = None
    """Of a range or multirange."""
    domains: tuple[Domain, ...] = ()
    """The outermost first."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers in parentheses: ``(10, 2)`` of ``numeric(10,2)``."""
        found = re.search(r"\((\d+)(?:,(-?\d+))?\)", self.plain)
        return tuple(int(part) for part in found.groups() if part) if found else ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: Type
    not_null: bool
    """By itself, its domain, or the primary key."""
    default: str | None
    """The expression; of a generated column, what it is generated from; a domain's where it has none."""
    identity: str
    """Empty, ``always`` or ``by default``."""
    generated: bool

    @property
    def bare(self) -> str:
        """The name without quotes, as a syntax tree has it."""
        return bare(self.name)


@dataclass(frozen=True, slots=True)
class Key:
    """What may be there once only: a primary key, unique constraint or unique index."""

    name: str
    columns: tuple[str, ...]
    """Also those that only stand in expressions."""
    primary: bool
    predicate: str | None
    """Of a partial index."""
    expressions: bool
    """At least one part is an expression: ``lower(email)``."""
    nulls_distinct: bool
    definition: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An exclusion constraint."""

    name: str
    columns: tuple[str, ...]
    definition: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key."""

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    deferrable: bool
    match_full: bool
    validated: bool
    inherited: bool
    """A partition's copy of its parent's."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of the project's."""

    name: str
    function: str
    """Schema-qualified, without arguments."""
    source: str
    """The body of that function, as far as it has a text."""
    timing: str
    """``before``, ``after`` or ``instead of``."""
    events: tuple[str, ...]
    each_row: bool
    enabled: bool
    definition: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A row level security policy."""

    name: str
    command: str
    """``select``, ``insert``, ``update``, ``delete`` or ``all``."""
    permissive: bool
    roles: tuple[str, ...]
    using: str | None
    check: str | None


@dataclass(frozen=True)
class Table:
    """A table, view or materialized view. All names are quoted where a statement needs it."""

    oid: int
    name: str
    """Schema-qualified."""
    schema: str
    kind: str
    """``table``, ``partitioned table``, ``foreign table``, ``view`` or ``materialized view``."""
    exposed: bool
    """Its schema is served by the Data API."""
    owner: str
    rls: bool
    rls_forced: bool
    options: tuple[str, ...]
    """``security_invoker=true`` and the like."""
    parents: tuple[str, ...]
    """Of an inheriting table or a partition."""
    partition_key: str | None
    """``RANGE (recorded_at)`` of a partitioned table."""
    bounds: Check | None
    """Of a partition: what its rows satisfy, all the way up."""
    columns: tuple[Column, ...] = ()
    checks: tuple[Check, ...] = ()
    keys: tuple[Key, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    references: tuple[Reference, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    policies: tuple[Policy, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by their quoted names."""
        return {column.name: column for column in self.columns}

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key; empty where there is none."""
        return next((key.columns for key in self.keys if key.primary), ())

    @property
    def is_view(self) -> bool:
        """Tell whether rows cannot be put into it as such."""
        return self.kind in {VIEW, MATERIALIZED}


@dataclass(frozen=True)
class Schema:
    """Every relation of the project, and the platform's that belong to every project."""

    relations: Mapping[str, Table]
    partitions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Partitioned table to the partitions that hold rows, however deep."""

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """What rows can be put into, partitions included."""
        return {name: table for name, table in self.relations.items() if not table.is_view}

    @cached_property
    def views(self) -> Mapping[str, Table]:
        """Views and materialized views."""
        return {name: table for name, table in self.relations.items() if table.is_view}

    @property
    def project(self) -> Mapping[str, Table]:
        """The tables that are the project's own."""
        return {name: table for name, table in self.tables.items() if name not in PLATFORM_TABLES}


def read_schema(connection: psycopg.Connection[Any], exposed: Sequence[str]) -> Schema:
    """Read what there is to know about every table and view, in eight statements.

    Args:
        connection: that may read the catalogue; its transaction is left as it is.
        exposed: the schemas that the Data API serves.

    """
    values = {"platform": list(PLATFORM_SCHEMAS), "extra": list(PLATFORM_TABLES), "exposed": list(exposed)}
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        before = cursor.execute("select current_setting('search_path') as path").fetchone() or {}
        cursor.execute("select set_config('search_path', '', true)")
        found = {name: cursor.execute(query, values).fetchall() for name, query in _queries().items()}
        cursor.execute("select set_config('search_path', %(path)s, true)", before)
    return _assembled(found)


@cache
def _queries() -> dict[str, bytes]:
    text = (files(__package__) / "schema.sql").read_text(encoding="utf-8").replace("%", "%%")
    text = re.sub(r"(?<!:):(platform|extra|exposed)\b", r"%(\1)s", text)
    _, *parts = re.split(r"^-- read: (\w+)\n", text, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    scope = sections.pop("scope")
    return {name: (scope + query).encode() for name, query in sections.items()}


_Rows = Mapping[str, list[dict[str, Any]]]


def _assembled(found: _Rows) -> Schema:
    types = _Types(found["types"], found["constraints"])
    parts: dict[str, dict[int, tuple[Any, ...]]] = {
        "columns": _grouped(found["columns"], types.column),
        "checks": _grouped(_of_kind(found, "c"), _check),
        "exclusions": _grouped(_of_kind(found, "x"), _exclusion),
        "references": _grouped(_of_kind(found, "f"), _reference),
        "keys": _grouped(found["keys"], lambda row: Key(**_tuples(row))),
        "triggers": _grouped(found["triggers"], lambda row: Trigger(**_tuples(row))),
        "policies": _grouped(found["policies"], lambda row: Policy(**_tuples(row))),
    }
    relations = {}
    for row in found["tables"]:
        bounds = Check(row["name"], row["bounds"]) if row["bounds"] else None
        facts = {name: value for name, value in _tuples(row).items() if name != "relispartition"}
        own = {name: things.get(row["oid"], ()) for name, things in parts.items()}
        relations[row["name"]] = Table(**{**facts, "bounds": bounds, **own})
    return Schema(
        relations, _leaves(relations, {row["name"] for row in found["tables"] if row["relispartition"]})
    )


def _leaves(relations: Mapping[str, Table], partitions: set[str]) -> dict[str, tuple[str, ...]]:
    """Give each partitioned table the partitions below it that hold rows themselves."""
    leaves: dict[str, list[str]] = {}
    for name in sorted(partitions):
        if relations[name].kind == PARTITIONED:
            continue
        above = relations[name].parents
        while above:
            leaves.setdefault(above[0], []).append(name)
            above = relations[above[0]].parents if above[0] in partitions else ()
    return {name: tuple(below) for name, below in leaves.items()}


def _grouped(
    rows: Iterable[dict[str, Any]], make: Callable[[dict[str, Any]], _Thing]
) -> dict[int, tuple[_Thing, ...]]:
    groups: dict[int, list[_Thing]] = {}
    for row in rows:
        facts = dict(row)
        groups.setdefault(facts.pop("relation"), []).append(make(facts))
    return {relation: tuple(things) for relation, things in groups.items()}


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _of_kind(found: _Rows, kind: str) -> Iterator[dict[str, Any]]:
    return (row for row in found["constraints"] if row["kind"] == kind and row["relation"])


def _check(row: Mapping[str, Any]) -> Check:
    return Check(row["name"], row["expression"], tuple(row["columns"]), row["validated"])


def _exclusion(row: Mapping[str, Any]) -> Exclusion:
    return Exclusion(row["name"], tuple(row["columns"]), row["definition"])


def _reference(row: Mapping[str, Any]) -> Reference:
    names = [part.name for part in fields(Reference)]
    return Reference(**{name: value for name, value in _tuples(row).items() if name in names})


class _Types:
    """Types by their number and modifier, each put together once."""

    def __init__(self, types: Iterable[dict[str, Any]], constraints: Iterable[dict[str, Any]]) -> None:
        self._rows = {row["oid"]: row for row in types}
        self._checks: dict[int, list[Check]] = {}
        self._made: dict[tuple[int, int], Type] = {}
        for row in constraints:
            if row["domain"]:
                # What a domain's check says comes as CHECK ((VALUE …)), by no function without it.
                expression = row["definition"].removeprefix("CHECK ").removesuffix(" NOT VALID")
                self._checks.setdefault(row["domain"], []).append(Check(row["name"], expression))

    def column(self, row: Mapping[str, Any]) -> Column:
        kind = self.get(row["type"], row["modifier"], row["text"])
        default = row["default"] or next((domain.default for domain in kind.domains if domain.default), None)
        return Column(
            name=row["name"],
            type=kind,
            not_null=row["not_null"] or any(domain.not_null for domain in kind.domains),
            default=default,
            identity=row["identity"],
            generated=row["generated"],
        )

    def get(self, number: int, modifier: int, text: str) -> Type:
        key = number, modifier
        if key not in self._made:
            self._made[key] = self._make(number, modifier, text)
        return self._made[key]

    def _make(self, number: int, modifier: int, text: str) -> Type:
        row = self._rows[number]
        if row["kind"] == "d":
            beneath = self.get(row["beneath"], row["modifier"], row["beneath_text"])
            domain = Domain(text, tuple(self._checks.get(number, ())), row["not_null"], row["default"])
            return replace(beneath, text=text, domains=(domain, *beneath.domains))
        element, subtype = row["element"], row["subtype"]
        return Type(
            text=text,
            plain=text,
            base=row["name"],
            kind="array" if element else KINDS.get(row["kind"], "scalar"),
            labels=tuple(row["labels"] or ()),
            element=self.get(element, modifier, text.removesuffix("[]")) if element else None,
            subtype=self.get(subtype, -1, row["subtype_text"]) if subtype else None,
            fields=tuple((name, self.get(*rest)) for name, *rest in row["fields"] or ()),
        )
