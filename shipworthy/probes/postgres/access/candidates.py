"""What may stand in the columns of one table, the preferred first, as far as is known by now."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shipworthy.probes.postgres.access.hints import (
    Hints,
    columns_of,
    functions_in,
    hints_about,
    hints_in_body,
    keys_read,
    read_hints,
)
from shipworthy.probes.postgres.access.schema import Check, Column, Table, Type
from shipworthy.probes.postgres.access.texts import TEXTS
from shipworthy.probes.postgres.access.values import NOTHING, Recipe, constant, recipes

MOST_RECIPES = 800
FEW = 4
"""How many are looked at where nothing restricts a column beyond its type."""
TURN = 7
"""How far the search begins behind the values that were refused before."""
SAME_FOR_ALL = re.compile(r"now\(\)|\(?CURRENT_\w+|transaction_timestamp\(\)", re.IGNORECASE)
OF_A_SESSION = re.compile(r"\bauth\.\w+\(|current_setting\(|\bjwt\b")
"""Defaults and triggers about whoever calls: the row maker is nobody."""
EMPTY_TEXTS = {"''::text", "''::character varying"}
DOCUMENTS = {"json", "jsonb"}


@dataclass(slots=True)
class Concessions:
    """What was learnt about a table from what the server refused."""

    lifted: set[str] = field(default_factory=set)
    """Names of checks that are gone."""
    made: set[str] = field(default_factory=set)
    """Columns whose default does not do."""
    nulls: set[str] = field(default_factory=set)
    """Columns that are better left empty."""
    most_columns: int | None = None
    """How many nullable columns are filled: rows of very many columns fit no page."""
    caller: str = ""
    """``user`` or ``service_role`` where a trigger asks who is calling."""
    heeded: set[str] = field(default_factory=set)
    """Triggers that raised, so that what they say about ``new`` is tried."""


class UnplannableError(Exception):
    """No row can be made; the message says why."""


class Candidates:
    """The values worth trying for one table."""

    def __init__(
        self,
        table: Table,
        checks: Sequence[Check],
        template: Mapping[str, str],
        concessions: Concessions,
        sources: Mapping[str, str],
    ) -> None:
        self._table = table
        self._template = template
        self._concessions = concessions
        self._sources = sources
        self._said: dict[str, list[Check]] = {}
        for check in checks:
            for name in columns_of(check.expression):
                self._said.setdefault(name, []).append(check)

    def fixed(self, column: Column, value: str | None, *, restricted: bool) -> list[Recipe]:
        """Give what may stand in a column whose value was given: that, unless a check forbids it.

        Args:
            column: of the table.
            value: that was given.
            restricted: some check speaks of this column alone.

        """
        given = Recipe(lambda _token, _number: value, given=True)
        if value is None:
            return [given]
        if self._refers(column):
            # Of several references, a check may allow one only.
            return [given] if column.not_null else [given, NOTHING]
        made = itertools.islice(recipes(column.type, self._hints(column)), MOST_RECIPES) if restricted else ()
        return [given, *made]

    def of(self, column: Column, *, unique: bool, restricted: bool, literal: bool, turn: int) -> list[Recipe]:
        """Give what may stand in a column that is to be made.

        Args:
            column: of the table.
            unique: it belongs to a key or an exclusion constraint.
            restricted: checks speak of it.
            literal: another column repeats it, so that its default does not do.
            turn: how often rows were refused before.

        Raises:
            UnplannableError: there is nothing.

        """
        template = self._template.get(column.name) or self._template.get(column.bare)
        if template is not None:
            return [Recipe(lambda _token, _number: None, expression=template)]
        if self._refers(column):
            return self._of_reference(column)
        if column.name in self._concessions.nulls and not column.not_null:
            return [NOTHING]
        ordered = self._ordered(column, unique, restricted, turn)
        if literal:
            ordered = [recipe for recipe in ordered if not recipe.default]
        if not ordered:
            raise UnplannableError(f"nothing is known to put into {column.name} of type {column.type.text}")
        ordered = ordered if column.not_null else [*ordered, NOTHING]
        start = turn * TURN % len(ordered) if (unique or restricted) and len(ordered) > TURN else 0
        return [*ordered[start:], *ordered[:start]]

    def _ordered(self, column: Column, unique: bool, restricted: bool, turn: int) -> list[Recipe]:
        default = self._default(column)
        heeded = self._heeded(column)
        if default and not (unique or restricted or turn or heeded.said or self._better_made(column)):
            return default
        hints = self._hints(column)
        hints.add(heeded)
        most = MOST_RECIPES if unique or restricted or turn else FEW
        made = list(itertools.islice(recipes(column.type, hints), most))
        if heeded.said:
            made = [*map(constant, heeded.literals), *made]
            return [*made[turn % len(made) :], *made[: turn % len(made)]]
        if unique:
            made.sort(key=lambda recipe: not recipe.fresh)
            default = [recipe for recipe in default if recipe.fresh]
        return [*made, *default] if self._better_made(column) else [*default, *made]

    def _better_made(self, column: Column) -> bool:
        """Tell whether a default says nothing: an empty text, or a document whose keys a trigger reads."""
        if column.type.base in DOCUMENTS:
            return bool(self._keys_read(column))
        return column.type.base in TEXTS and column.default in EMPTY_TEXTS

    def _of_reference(self, column: Column) -> list[Recipe]:
        default = self._default(column)
        if column.not_null and not default:
            reference = next(each for each in self._table.references if column.name in each.columns)
            raise UnplannableError(
                f"{column.name} must refer to a row of {reference.target}, and none was given"
            )
        return default if column.not_null else [NOTHING, *default]

    def _refers(self, column: Column) -> bool:
        return any(column.name in reference.columns for reference in self._table.references)

    def _default(self, column: Column) -> list[Recipe]:
        text = column.default
        if not text or column.name in self._concessions.made or OF_A_SESSION.search(text):
            return []
        if re.match(r"NULL\b", text):
            return []
        fresh = "(" in SAME_FOR_ALL.sub("", text).removeprefix("(") and not text.startswith("'")
        return [Recipe(lambda _token, _number: None, fresh, text, default=True)]

    def _hints(self, column: Column) -> Hints:
        hints = Hints()
        about = [(name, check) for name in self._speakers(column.bare) for check in self._said.get(name, ())]
        about += [("value", check) for check in domain_checks(column.type)]
        for name, check in about:
            hints.add(read_hints(check.expression).get(name, Hints()))
            for function in functions_in(check.expression):
                hints.add(hints_in_body(self._sources.get(function, "")))
        if column.type.base in DOCUMENTS:
            hints.keys.extend(self._keys_read(column))
        return hints

    def _keys_read(self, column: Column) -> list[str]:
        sources = (trigger.source for trigger in self._table.triggers if "insert" in trigger.events)
        return [key for source in sources for key in keys_read(column.bare, source)]

    def _heeded(self, column: Column) -> Hints:
        """Give what stands beside ``new.column`` in the triggers that raised."""
        hints = Hints()
        for trigger in self._table.triggers:
            if trigger.name in self._concessions.heeded:
                hints.add(hints_about(column.bare, trigger.source))
        return hints

    def _speakers(self, name: str) -> Iterator[str]:
        """Name a column and the generated ones that are made from it."""
        yield name
        for column in self._table.columns:
            if column.generated and column.default and name in columns_of(column.default):
                yield column.bare


def domain_checks(kind: Type) -> Iterator[Check]:
    """Give the checks of a type's domains, also of those inside it."""
    for domain in kind.domains:
        yield from domain.checks
    inside = [kind.element, kind.subtype, *(field for _, field in kind.fields)]
    for inner in inside:
        if inner:
            yield from domain_checks(inner)
