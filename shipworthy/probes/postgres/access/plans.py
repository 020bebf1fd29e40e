"""How the rows of one table are made: for each column, the recipes that the server found to hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

from shipworthy.probes.postgres.access.candidates import Candidates, Concessions
from shipworthy.probes.postgres.access.hints import columns_of
from shipworthy.probes.postgres.access.scalars import is_plain
from shipworthy.probes.postgres.access.schema import Check, Column, Schema, Table
from shipworthy.probes.postgres.access.search import Question, Rule, Search, numbered
from shipworthy.probes.postgres.access.texts import TEXTS
from shipworthy.probes.postgres.access.values import NOTHING, Recipe, quoted

ALTERNATIVES = 40
"""How many values are kept for a column of a key that cannot have one of its own for every row."""
LINKED = 30
"""How many values are tried for each column that a check ties to others."""
MOST_PARTITIONS = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to make rows for one table and one set of given columns."""

    table: Table
    alternatives: Mapping[str, Sequence[Recipe]]
    """Column to recipes; any of the first column's goes with any of the second's."""
    turning: frozenset[str]
    """Columns that must take turns, so that a key they are in stays unique."""
    copies: Mapping[str, str]
    """Columns that repeat another one of the same row: a row that refers to itself."""

    def row(self, fixed: Mapping[str, str | None], token: str, number: int) -> dict[str, str]:
        """Give one row: column to SQL, ``default`` where that is left to the table."""
        values: dict[str, str] = {}
        numbers = numbered(self.table, number)
        for name, several in self.alternatives.items():
            recipe = several[number % len(several) if name in self.turning else 0]
            if recipe.given:
                values[name] = quoted(fixed[name])
            else:
                values[name] = "default" if recipe.default else recipe.literal(token, numbers[name])
        return {**values, **{name: values[other] for name, other in self.copies.items()}}


class Planner:
    """Plans for one table, as far as it is known by now."""

    def __init__(
        self,
        schema: Schema,
        table: Table,
        template: Mapping[str, str],
        concessions: Concessions,
        sources: Mapping[str, str],
    ) -> None:
        self._schema = schema
        self._table = table
        self._template = template
        self._concessions = concessions
        self._checks = [check for check in self._all_checks() if check.name not in concessions.lifted]
        self._candidates = Candidates(table, self._checks, template, concessions, sources)

    def plan(self, fixed: Mapping[str, str | None], search: Search, turn: int = 0) -> Plan:
        """Find recipes for all columns that are not fixed.

        Args:
            fixed: what some columns must be.
            search: for the row at hand.
            turn: how many plans failed before: others are tried first then.

        Raises:
            UnplannableError: some column cannot have a value.

        """
        copies = self._copies(fixed)
        unique = self._unique(fixed)
        rules = search.rules(self._checks)
        linked = [rule for rule in rules if len(rule.columns) > 1]
        wide = {name for rule in linked for name in rule.columns}
        questions = self._questions(fixed, copies, rules, turn)
        found = self._answered(search, questions, unique, careful=bool(turn or self._concessions.heeded))
        if not search.holds({name: some[0] for name, some in found.items()}, linked):
            self._link(search, linked, questions, found)
        turning = frozenset(name for name in unique - wide if name in found and not found[name][0].fresh)
        return Plan(self._table, found, turning, copies)

    def _questions(
        self, fixed: Mapping[str, str | None], copies: Mapping[str, str], rules: Sequence[Rule], turn: int
    ) -> dict[str, Question]:
        """Say of each column that is filled what may stand in it."""
        unique = self._unique(fixed)
        restricted = {name for rule in rules for name in rule.columns}
        questions = {}
        for column in self._filled({*fixed, *self._template, *copies.values()}):
            name = column.name
            alone = [rule for rule in rules if rule.columns == (name,)]
            if name in fixed:
                tried = self._candidates.fixed(column, fixed[name], restricted=bool(alone))
            elif name not in copies:
                tried = self._candidates.of(
                    column,
                    unique=name in unique,
                    restricted=name in restricted or bool(column.type.domains),
                    literal=name in copies.values(),
                    turn=turn,
                )
            else:
                continue
            questions[name] = Question(tried, alone)
        return questions

    @cached_property
    def depends_on(self) -> frozenset[str]:
        """Name the columns whose given values decide over those of others."""
        names = {column.bare: column.name for column in self._table.columns}
        mentioned = {name for check in self._checks for name in columns_of(check.expression)}
        return frozenset(names[name] for name in mentioned if name in names)

    def _all_checks(self) -> Iterator[Check]:
        table = self._table
        yield from table.checks
        if table.bounds:
            yield table.bounds
        leaves = self._schema.partitions.get(table.name, ())
        bounds = [self._schema.relations[leaf].bounds for leaf in leaves[:MOST_PARTITIONS]]
        parts = [f"({bound.expression})" for bound in bounds if bound]
        if len(parts) == len(bounds) and parts:
            yield Check("the bounds of its partitions", " or ".join(parts))
        for column in table.columns:
            if column.generated and column.default:
                # Not a demand of the schema's: it is here so that nothing is tried that it fails on.
                yield Check(f"the generation of {column.name}", f"(({column.default}) is null)::text <> ''")

    def _filled(self, needed: AbstractSet[str]) -> Iterator[Column]:
        left = self._concessions.most_columns
        for column in self._table.columns:
            if column.name in needed or column.bare in needed:
                yield column
            elif column.generated or column.identity:
                continue
            elif column.not_null or left is None:
                yield column
            elif left > 0:
                left -= 1
                yield column

    def _answered(
        self, search: Search, questions: Mapping[str, Question], unique: frozenset[str], *, careful: bool
    ) -> dict[str, list[Recipe]]:
        """Give at least one recipe for each column, those that hold if any does.

        Args:
            search: asks the server.
            questions: by column.
            unique: columns of keys, which may need many values.
            careful: nothing is taken for granted; made after the server refused what was.

        """
        safe = {name for name, ask in questions.items() if self._is_safe(name, ask, careful=careful)}
        open_ = {name: ask for name, ask in questions.items() if name not in safe}
        held = search.values(open_)
        turning = {
            name: replace(ask, wanted=ALTERNATIVES)
            for name, ask in open_.items()
            if name in unique and held[name] and not held[name][0].fresh
        }
        held |= search.values(turning)
        # Where nothing holds, the server shall say which check it is.
        failed = {name: replace(ask, rules=()) for name, ask in open_.items() if not held[name]}
        held |= search.values(failed)
        return {name: held.get(name) or list(ask.tried[:1]) for name, ask in questions.items()}

    def _is_safe(self, name: str, question: Question, *, careful: bool) -> bool:
        """Tell whether the first value needs no asking."""
        first, kind = question.tried[0], self._table.by_name[name].type
        if len(question.tried) == 1:
            return True
        if careful or question.rules or kind.domains:
            return False
        return (
            first.default
            or first is NOTHING
            or is_plain(kind)
            or kind.base in {*TEXTS, "json", "jsonb"}
            or kind.kind == "enum"
        )

    def _link(
        self,
        search: Search,
        rules: Sequence[Rule],
        questions: Mapping[str, Question],
        found: dict[str, list[Recipe]],
    ) -> None:
        """Settle the columns that checks tie together: one check after another, in view of those before."""
        names = [name for name in questions if any(name in rule.columns for rule in rules)]
        choices = search.values({name: replace(questions[name], wanted=LINKED) for name in names})
        nothing = {name: Question([NOTHING], questions[name].rules) for name in names}
        for name, some in search.values(nothing).items():
            kept = found[name] if found[name][0].given else choices[name]
            optional = NOTHING in questions[name].tried and NOTHING not in kept
            choices[name] = [*kept, *(some if optional else [])] or found[name]
        settled: list[Rule] = []
        for rule in sorted(rules, key=lambda rule: len(rule.columns)):
            near = [other for other in settled if set(other.columns) & set(rule.columns)]
            wider = (name for each in (rule, *near) for name in each.columns)
            for scope in (rule.columns, tuple(dict.fromkeys(wider))):
                open_ = {name: choices[name] for name in scope if name in found}
                inside = [other for other in settled if set(other.columns) & set(scope)]
                others = {name: some[0] for name, some in found.items() if name not in open_}
                choice = search.together(open_, others, [*inside, rule]) if open_ else None
                if choice:
                    found |= {name: [recipe] for name, recipe in choice.items()}
                    settled.append(rule)
                    break

    def _unique(self, fixed: Mapping[str, str | None]) -> frozenset[str]:
        keys = [key.columns for key in self._table.keys]
        keys += [exclusion.columns for exclusion in self._table.exclusions]
        return frozenset(name for key in keys for name in key if name not in fixed)

    def _copies(self, fixed: Mapping[str, str | None]) -> dict[str, str]:
        """Find columns that can only refer to the row itself: the first of a tree that demands parents."""
        return {
            name: target
            for reference in self._table.references
            if reference.target == self._table.name
            for name, target in zip(reference.columns, reference.target_columns, strict=True)
            if name not in fixed and self._table.by_name[name].not_null and name != target
        }
