"""Which of many values make a table's checks true: asked of the server, in bounded statements."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from shipworthy.probes.postgres.access.hints import columns_of
from shipworthy.probes.postgres.access.schema import Check, Table
from shipworthy.probes.postgres.access.values import NOTHING, Recipe

FUNCTION = "pg_temp.shipworthy_holding"
CREATE_FUNCTION = f"""
create or replace function {FUNCTION}(claims text[], subject integer[], wanted integer[]) returns integer[]
language plpgsql as $$
declare
  holding integer[] := '{{}}';
  holds boolean;
begin
  for place in 1 .. cardinality(claims) loop
    continue when wanted[subject[place]] = 0;
    begin
      execute claims[place] into holds;
    exception
      when query_canceled then return holding;  -- the statement's time is up, and would not be up again
      when others then holds := false;
    end;
    if holds then
      holding := holding || place;
      wanted[subject[place]] := wanted[subject[place]] - 1;
    end if;
  end loop;
  return holding;
end
$$
"""
CHUNKS = ((0, 3), (3, 40), (40, 800))
"""Which values of each column are asked about at once: mostly one of the first holds."""
COMBINATIONS_AT_ONCE = (10, 400, 2000)
MOST_COMBINATIONS = 2400


@dataclass(frozen=True, slots=True)
class Rule:
    """A check, with what is needed to try it."""

    check: Check
    columns: tuple[str, ...]
    """The columns to be made (no generated ones) that it depends on, quoted."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which of these values may stand in a column."""

    tried: Sequence[Recipe]
    rules: Sequence[Rule]
    """About this column alone."""
    wanted: int = 1
    """How many values are enough."""


def numbered(table: Table, number: int) -> dict[str, int]:
    """Give each column of a row its own number: those of later columns are greater, as ends mostly are."""
    return {name: number + place for place, name in enumerate(table.by_name)}


class Search:
    """The values for one table. ``token`` and ``number`` are those of the row at hand."""

    def __init__(self, connection: psycopg.Connection[Any], table: Table, token: str, number: int) -> None:
        self._connection = connection
        self._table = table
        self._token = token
        self._numbers = numbered(table, number)
        self._named = {column.bare: column for column in table.columns}
        self._generated = {name for name, column in self._named.items() if column.generated}

    def rules(self, checks: Iterable[Check]) -> list[Rule]:
        """Find out what each check depends on, seen through generated columns."""
        return [Rule(check, self._inputs(columns_of(check.expression))) for check in checks]

    def values(self, questions: Mapping[str, Question]) -> dict[str, list[Recipe]]:
        """Give for each column the first recipes that have its type and satisfy its rules, or none."""
        found: dict[str, list[Recipe]] = {name: [] for name in questions}
        for start, end in CHUNKS:
            missing = {name: ask.wanted - len(found[name]) for name, ask in questions.items()}
            asked = [
                (name, recipe)
                for name, count in missing.items()
                if count > 0
                for recipe in questions[name].tried[start:end]
            ]
            claims = [self._claim({name: recipe}, questions[name].rules) for name, recipe in asked]
            places = {name: place for place, name in enumerate(questions, 1)}
            for place in self._ask(claims, [places[name] for name, _ in asked], list(missing.values())):
                found[asked[place][0]].append(asked[place][1])
        return found

    def holds(self, chosen: Mapping[str, Recipe], rules: Sequence[Rule]) -> bool:
        """Tell whether one choice of values satisfies rules about several columns."""
        return not rules or bool(self._ask([self._claim(chosen, rules)], [1], [1]))

    def together(
        self,
        choices: Mapping[str, Sequence[Recipe]],
        others: Mapping[str, Recipe],
        rules: Sequence[Rule],
    ) -> dict[str, Recipe] | None:
        """Give one choice for each column so that all rules hold, with the other columns as they are."""
        left = (dict(zip(choices, some, strict=True)) for some in _combinations(list(choices.values())))
        for size in COMBINATIONS_AT_ONCE:
            chunk = list(itertools.islice(left, size))
            claims = [self._claim({**others, **some}, rules) for some in chunk]
            for place in self._ask(claims, [1] * len(claims), [1]):
                return chunk[place]
        return None

    def _ask(self, claims: list[str], subjects: list[int], wanted: list[int]) -> list[int]:
        """Give the places of the claims that hold, up to as many as are wanted of each subject."""
        if not claims:
            return []
        call = f"select {FUNCTION}(%s, %s, %s)"
        row = self._connection.execute(call.encode(), (claims, subjects, wanted)).fetchone()
        return [place - 1 for place in row[0]] if row else []

    def _claim(self, recipes: Mapping[str, Recipe], rules: Sequence[Rule]) -> str:
        """Put the question whether these values satisfy the rules into SQL."""
        needed = set(recipes).union(*(rule.columns for rule in rules))
        values = ", ".join(
            f"({self._literal(name, recipes.get(name, NOTHING))})::{column.type.text} as {name}"
            for name, column in self._table.by_name.items()
            if name in needed
        )
        generated = {name for rule in rules for name in columns_of(rule.check.expression)} & self._generated
        laterals = "".join(
            f" cross join lateral (select ({self._named[name].default})::{self._named[name].type.text}"
            f" as {self._named[name].name}) g{place}"
            for place, name in enumerate(sorted(generated))
        )
        condition = " and ".join(f"coalesce(({rule.check.expression}), true)" for rule in rules) or "true"
        # The row itself is asked for too, so that no value goes without being cast.
        row = f"(select {values} offset 0) r{laterals}"
        return f"select {condition} and r is distinct from null from {row}"  # noqa: S608  the schema's own names

    def _literal(self, name: str, recipe: Recipe) -> str:
        return recipe.literal(self._token, self._numbers[name])

    def _inputs(self, names: Iterable[str]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for name in names:
            column = self._named.get(name)
            if column and column.generated and column.default:
                found |= dict.fromkeys(self._inputs(columns_of(column.default)))
            elif column:
                found[column.name] = None
        return tuple(found)


def _combinations(choices: Sequence[Sequence[Recipe]]) -> Iterator[tuple[Recipe, ...]]:
    """Give combinations, those of preferred values first, and those of one value alone beside NULLs.

    Each column has fewer choices the more columns there are, but always its first and its last.
    """
    share = max(2, int(MOST_COMBINATIONS ** (1 / len(choices))))
    short = [[*some[: share - 1], some[-1]] if len(some) > share else list(some) for some in choices]
    yield tuple(some[0] for some in short)
    for place in range(len(short)):
        yield tuple(some[0] if n == place else some[-1] for n, some in enumerate(short))
    ranked = itertools.islice(itertools.product(*(enumerate(some) for some in short)), MOST_COMBINATIONS)
    for combination in sorted(ranked, key=lambda found: sum(rank for rank, _ in found)):
        yield tuple(recipe for _, recipe in combination)
