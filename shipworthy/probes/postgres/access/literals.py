"""On which sides of the policies' comparisons rows must stand, so that every opening is seen."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError

from shipworthy.probes.postgres.access.comparisons import IS_NULL, NOW, Comparison, Comparisons, Place
from shipworthy.probes.postgres.access.expressions import Reader
from shipworthy.probes.postgres.access.model import Variant
from shipworthy.probes.postgres.access.names import Names
from shipworthy.probes.postgres.access.ownership import Ownership
from shipworthy.probes.postgres.access.schema import Column, Schema, Table

ROWS = 6
"""So many rows of one table, world and person at most."""
NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})
TIMES = frozenset({"timestamptz", "timestamp", "date"})
SOMETHING = {"text": "set", "varchar": "set", "bool": "true", "jsonb": "{}", "json": "{}", "uuid": None}
"""What stands for "not null", by type."""
RANKS = (
    "owner", "super_admin", "superadmin", "admin", "administrator", "manager", "maintainer", "moderator",
    "editor", "writer", "contributor", "member", "user", "commenter", "viewer", "reader", "guest",
)  # fmt: skip
"""Names of roles as projects use them, the highest first."""

STATES = frozenset({"status", "state", "account_status", "user_status", "is_active", "active"})
_OPERATOR = re.compile("super|platform|system|global|staff|root")
"""In the names of roles of the whole deployment, which no admin of a tenant has."""

Stand = Mapping[str, str | None]
"""Column to the value that puts a row on one side of a comparison."""


@dataclass(frozen=True, slots=True)
class Side:
    """A column that policies compare, with values on both sides."""

    column: str
    holding: tuple[str | None, ...]
    """Values for which a comparison, as the policy writes it, holds."""
    failing: tuple[str | None, ...]
    """Values for which none of them does."""

    def variant(self, values: Mapping[str, str | None]) -> Variant:
        """Say on which side a row with these values stands."""
        return Variant(self.column, values.get(self.column))


class Literals:
    """What the policies of a schema compare columns with, other than columns and callers."""

    def __init__(self, schema: Schema, found: Comparisons, ownership: Ownership) -> None:
        self._schema, self._found, self._ownership = schema, found, ownership
        self._by_place: dict[Place, list[Comparison]] = defaultdict(list)
        self._callers: dict[Place, list[Comparison]] = defaultdict(list)
        for comparison in found.compared:
            kept = self._callers if comparison in ownership.callers else self._by_place
            kept[comparison.ref.place].append(comparison)
        self._sources: dict[str, set[str]] = defaultdict(set)
        for place, comparisons in self._by_place.items():
            self._sources[place.owner] |= {found.blocks[c.block].source for c in comparisons}
        now = datetime.now(tz=UTC).replace(microsecond=0)
        self._past, self._future = str(now - timedelta(days=30)), str(now + timedelta(days=30))

    def sides(self, table: Table) -> tuple[Side, ...]:
        """Give the columns of a table that policies compare with something that a row can be made for."""
        free = (column for column in table.columns if self._is_free(table, column))
        found = (self._side(table, c, self._by_place.get(Place(table.name, c.name), ())) for c in free)
        return tuple(side for side in found if side)

    def stands(self, table: Table) -> tuple[Stand, ...]:
        """Give the values of rows on all sides: all holding, all failing, then each for itself."""
        return tuple(_distinct(_combined(self.sides(table))))[:ROWS] or ({},)

    def rank(self, table: Table, *, highest: bool) -> Stand:
        """Give the values by which a membership or standing says who someone is: most, or least.

        What policies ask beside the rank (``status = 'active'``, ``left_at is null``) holds for both.
        """
        values: dict[str, str | None] = {}
        for column in table.columns:
            asked = self._callers.get(Place(table.name, column.name), ())
            if not self._is_free(table, column) or not (asked or _speaks_of_rank(column)):
                continue
            side = self._side(table, column, asked)
            operators = asked and self._ownership.operators.issuperset(asked)
            if operators and side and side.failing and column.type.base == "bool":
                values[column.name] = side.failing[0]  # an operator of everything is no admin of a world
                continue
            if _speaks_of_rank(column) or any(value in RANKS for value in self.allowed(table, column)):
                values.update(self._ranked(table, column, side, highest=highest))
            elif side:
                values[column.name] = side.holding[0]
        return values

    def least(self, table: Table) -> Stand | None:
        """Give the values of someone who is nothing special; None where every row makes one special.

        What is asked beside a rank (``role = 'admin' and status = 'active'``) holds: without it, one is
        not even an ordinary user.
        """
        special = self._special(table)
        values: dict[str, str | None] = {}
        beside = self._beside_rank(table)
        for side in special:
            if side.column in beside:
                values[side.column] = side.holding[0]
                continue
            if not side.failing:
                return None
            default = _literal(table.by_name[side.column].default)
            values[side.column] = default if default and default not in side.holding else side.failing[0]
        return values if special else None

    def most(self, table: Table) -> Stand:
        """Give the values of someone whom policies ask for: all that they ask holds.

        Among them are columns that refer to another table, of roles say, which may lack that row.
        """
        places = {
            column.name: self._callers.get(Place(table.name, column.name), ()) for column in table.columns
        }
        named = {
            name: c.value for name, asked in places.items() for c in asked if c.operator == "=" and c.positive
        }
        referring = {name for reference in table.references for name in reference.columns}
        values = {name: value for name, value in named.items() if name in referring}
        return values | {side.column: side.holding[0] for side in self._special(table)}

    def follows(self, child: str, parent: str) -> bool:
        """Tell whether the policies of a table compare something of another, not of the caller's rows."""
        return bool(self._sources[parent] & ({child} | self._found.callees(child)))

    def allowed(self, table: Table, column: Column) -> tuple[str, ...]:
        """Give the only values that a column may have, as far as a type or check lists them."""
        if column.type.labels:
            return column.type.labels
        checks = [c.expression for c in table.checks if c.columns == (column.name,)]
        checks += [c.expression for domain in column.type.domains for c in domain.checks]
        listed = [
            c.value for text in checks for c in _compared(table, text) if c.operator == "=" and c.positive
        ]
        return tuple(dict.fromkeys(listed))

    def _special(self, table: Table) -> tuple[Side, ...]:
        found = (
            self._side(table, column, self._callers.get(Place(table.name, column.name), ()))
            for column in table.columns
            if self._is_free(table, column)
        )
        return tuple(side for side in found if side)

    def _beside_rank(self, table: Table) -> frozenset[str]:
        """Name the columns that are asked together with one that speaks of rank."""
        asked: dict[tuple[int, str], set[str]] = defaultdict(set)
        for column in table.columns:
            for comparison in self._callers.get(Place(table.name, column.name), ()):
                asked[comparison.ref.block, comparison.ref.alias].add(column.name)
        ranks = {column.name for column in table.columns if _speaks_of_rank(column)}
        states = {column.name for column in table.columns if column.name in STATES}
        return frozenset(n for names in asked.values() for n in names - ranks if names & ranks or n in states)

    def _is_free(self, table: Table, column: Column) -> bool:
        place = Place(table.name, column.name)
        taken = {c for reference in table.references for c in reference.columns}
        taken |= {key.columns[0] for key in table.keys if len(key.columns) == 1}
        owners = self._ownership
        return not (
            column.generated
            or column.identity
            or column.name in taken
            or column.name in owners.user_columns.get(table.name, ())
            or place in owners.soft
            or place in owners.tenant_keys
        )

    def _side(self, table: Table, column: Column, asked: Iterable[Comparison]) -> Side | None:
        holding: list[str | None] = []
        failing: list[str | None] = []
        for comparison in asked:
            good, bad = self._both(column, comparison)
            holding += good if comparison.positive else bad
            failing += bad if comparison.positive else good
        if any(c.operator == "=" for c in asked):
            literals = {c.value for c in asked if c.operator == "="}
            other = self._other(table, column, literals)
            negative = all(not c.positive for c in asked if c.operator == "=")
            (holding if negative else failing).extend(other)
        if column.not_null:
            holding, failing = [v for v in holding if v is not None], [v for v in failing if v is not None]
        holding = list(dict.fromkeys(holding))
        failing = [value for value in dict.fromkeys(failing) if value not in holding]
        return (
            Side(column.name, tuple(holding), tuple(failing)) if holding and (holding + failing)[1:] else None
        )

    def _both(self, column: Column, comparison: Comparison) -> tuple[list[str | None], list[str | None]]:
        """Give values for which one comparison holds, and for which it does not."""
        kind, value = column.type.base, comparison.value
        if comparison.operator == IS_NULL:
            something = (
                self._future if kind in TIMES else SOMETHING.get(kind, "1" if kind in NUMBERS else None)
            )
            labels = self.allowed_labels(column)
            something = labels[0] if labels else something
            return [None], [something] if something is not None else []
        if comparison.operator == "=":
            return [value] if self._fits(column, value) else [], []
        above = comparison.operator.startswith(">")
        if value == NOW and kind in TIMES:
            return ([self._future], [self._past]) if above else ([self._past], [self._future])
        if kind in NUMBERS and value.lstrip("-").isdigit():
            more, less = str(int(value) + 1), str(int(value) - 1)
            return ([more], [less]) if above else ([less], [more])
        return [], []

    def allowed_labels(self, column: Column) -> tuple[str, ...]:
        """Give the labels of an enum."""
        return column.type.labels

    def _fits(self, column: Column, value: str) -> bool:
        if column.type.labels:
            return value in column.type.labels
        if column.type.base == "bool":
            return value in {"true", "false"}
        if column.type.base in NUMBERS:
            return value.lstrip("-").replace(".", "", 1).isdigit()
        return column.type.base in {"text", "varchar", "bpchar", "citext"} and value != "true"

    def _other(self, table: Table, column: Column, literals: set[str]) -> list[str | None]:
        """Give a value that is none of these."""
        if column.type.base == "bool":
            return [value for value in ("false", "true") if value not in literals]
        allowed = self.allowed(table, column)
        if allowed:
            default = _literal(column.default)
            rest = [value for value in allowed if value not in literals]
            return [default] if default in rest else list(rest[:1])
        if column.type.base in NUMBERS:
            numbers = [int(value) for value in literals if value.lstrip("-").isdigit()]
            return [str(max(numbers) + 1)] if numbers else []
        default = _literal(column.default)
        texts = column.type.base in {"text", "varchar", "citext"}
        return [default if default and default not in literals else "other"] if texts else []

    def _ranked(self, table: Table, column: Column, side: Side | None, *, highest: bool) -> Stand:
        known = (
            *self.allowed(table, column),
            *(v for v in (side.holding + side.failing if side else ()) if v),
        )
        if column.type.base == "bool":
            return {column.name: "true" if highest else "false"}
        if column.type.base in NUMBERS or not known:
            return (
                {column.name: (side.holding[0] if highest else (side.failing or side.holding)[-1])}
                if side
                else {}
            )
        default = _literal(column.default)
        ordered = sorted(dict.fromkeys(known), key=lambda value: _rank(value, known, default))
        ordered = [value for value in ordered if not _OPERATOR.search(value.lower())] or ordered
        return {column.name: ordered[0 if highest else -1]}


def _rank(value: str, known: tuple[str, ...], default: str | None) -> tuple[float, int]:
    """Order roles by their names; one that nobody knows stands among the editors, a default among members."""
    name = value.lower().replace("-", "_").replace(" ", "_")
    exact = [place for place, rank in enumerate(RANKS) if name == rank]
    part = [place for place, rank in enumerate(RANKS) if rank in name]
    unknown = RANKS.index("member" if value == default else "editor") + 0.5
    places = [float(place) for place in exact or part] or [unknown]
    return places[0], known.index(value)


def _speaks_of_rank(column: Column) -> bool:
    words = {
        "role",
        "is_admin",
        "is_owner",
        "admin",
        "owner",
        "account_role",
        "permission",
        "access_level",
        "rank",
    }
    return column.type.kind in {"scalar", "enum"} and (column.name in words or column.name.endswith("_role"))


def _literal(default: str | None) -> str | None:
    """Give the value of a default that is a plain literal."""
    if not default:
        return None
    if default in {"true", "false"} or default.lstrip("-").isdigit():
        return default
    quoted = default.partition("::")[0]
    return quoted[1:-1].replace("''", "'") if quoted[:1] == quoted[-1:] == "'" else None


def _compared(table: Table, expression: str) -> list[Comparison]:
    found = Comparisons()
    names = Names(
        table.name,
        columns={table.name: frozenset({*table.by_name, "value"})},
        table=lambda schema, name: f"{schema}.{name}",
        function=lambda *_: None,
    )
    reader = Reader(found, names)
    try:
        statement: Any = parse_sql(f"select {expression}")[0].stmt
        reader.policy(table.name, statement.targetList[0].val)
    except (ParseError, RecursionError):
        return []
    return found.compared


def _combined(sides: tuple[Side, ...]) -> Iterator[Stand]:
    """Yield all holding, all failing, and each side for itself before both backgrounds."""
    if not sides:
        return
    holding = {side.column: side.holding[0] for side in sides}
    failing = {side.column: (side.failing or side.holding)[0] for side in sides}
    yield holding
    yield failing
    for side in sides:
        yield failing | {side.column: side.holding[0]}
        yield from (holding | {side.column: value} for value in side.holding[1:])
    for side in sides:
        yield from (holding | {side.column: value} for value in side.failing)


def _distinct(stands: Iterable[Stand]) -> Iterator[Stand]:
    seen: set[tuple[tuple[str, str | None], ...]] = set()
    for stand in stands:
        key = tuple(sorted(stand.items(), key=lambda item: item[0]))
        if key not in seen:
            seen.add(key)
            yield stand
