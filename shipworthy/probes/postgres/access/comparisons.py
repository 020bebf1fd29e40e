"""What the policies of a schema compare with what: the facts that two worlds are built from.

Every column, parameter, variable and result that an expression speaks of is a *place*. Equalities
join places, whether they stand in a policy, in a subquery or in a helper function many calls away:
what is joined in the end to the caller's id is a user's, and so on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

USER = "sub"
"""The claim that says who calls."""
CALL = "()"
"""How the owners of places begin that belong to a function and to no table."""
EQUAL = "="
IS_NULL = "is null"
NOW = "now"


class Place(NamedTuple):
    """Where a value stands: a column, or a parameter, variable or result of a function."""

    owner: str
    name: str

    @property
    def of_function(self) -> bool:
        """Tell whether it is none of a table's columns."""
        return self.owner.startswith(CALL)


class Ref(NamedTuple):
    """A place as one query speaks of it: through which alias, in which block."""

    place: Place
    block: int = 0
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """What an expression can be equal to."""

    refs: tuple[Ref, ...] = ()
    claims: frozenset[str] = frozenset()
    """Dotted paths into the token; empty for the token itself."""
    literals: tuple[str, ...] = ()
    now: bool = False

    def __or__(self, other: Term) -> Term:
        return Term(
            (*self.refs, *other.refs),
            self.claims | other.claims,
            (*self.literals, *other.literals),
            self.now or other.now,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column compared with a literal, with nothing, or with the time."""

    ref: Ref
    operator: str
    value: str
    positive: bool
    """Whether it must hold for the policy to hold."""
    block: int


@dataclass(slots=True)
class Block:
    """One query level: of a policy, or of a function that some policy calls."""

    number: int
    source: str
    """The table that the policy stands on, the view, or the function."""
    above: Block | None
    outer: bool
    """It is the policied row itself, not a subquery."""
    aliases: dict[str, str | dict[str, Term]] = field(default_factory=dict)
    """Alias to table, or to the columns of a subquery."""
    negated: bool = False

    def within(self, other: int) -> bool:
        """Tell whether this block stands inside that one."""
        block: Block | None = self
        while block:
            if block.number == other:
                return True
            block = block.above
        return False


class Comparisons:
    """Everything that was found, joined."""

    def __init__(self) -> None:
        self.blocks: dict[int, Block] = {0: Block(0, "", None, outer=False)}
        self.links: list[tuple[Ref, Ref]] = []
        self.given: set[tuple[Ref, Ref]] = set()
        """Those of the links by which a query's result goes somewhere."""
        self.tied: list[tuple[Ref, str]] = []
        """A column and the claim that it is compared with."""
        self.compared: list[Comparison] = []
        self.calls: dict[str, set[str]] = defaultdict(set)
        """Table or function to the functions that its policies or body call."""
        self._columns: dict[Place, dict[Place, None]] = defaultdict(dict)
        self._flows = _Groups(())
        self._callees: dict[str, frozenset[str]] = {}
        self._said: dict[Place, Term] = defaultdict(Term)

    def link(self, left: Ref, right: Ref) -> None:
        """Two places hold the same value somewhere."""
        self.links.append((left, right))

    def flow(self, place: Place, term: Term) -> None:
        """A parameter, variable or result takes what a term holds."""
        self._said[place] = self._said[place] | Term(claims=term.claims, literals=term.literals)
        for ref in term.refs:
            if ref.place != place:
                self.given.add((Ref(place), ref))
                self.link(Ref(place), ref)

    def callees(self, source: str) -> frozenset[str]:
        """Give every function that a table's policies call, however deep."""
        if source not in self._callees:
            found: set[str] = set()
            waiting = list(self.calls.get(source, ()))
            while waiting:
                name = waiting.pop()
                if name not in found:
                    found.add(name)
                    waiting.extend(self.calls.get(name, ()))
            self._callees[source] = frozenset(found)
        return self._callees[source]

    def classes(self) -> dict[Place, tuple[Place, ...]]:
        """Give each column and the columns that it is equal to, itself included."""
        equal = _Groups((left.place, right.place) for left, right in self.links)
        groups: dict[Place, dict[Place, None]] = defaultdict(dict)
        for place in (ref.place for link in self.links for ref in link):
            if not place.of_function:
                groups[equal.leader(place)][place] = None
        return {place: tuple(group) for group in groups.values() for place in group}

    def meets(self, place: Place, *, without: str = "") -> tuple[Place, ...]:
        """Give the columns that a place of a function is compared with; a column is its own."""
        if not place.of_function:
            return (place,)
        return tuple(p for p in self._columns[self._flows.leader(place)] if p.owner != without)

    def settle(self) -> None:
        """Carry what is known of parameters, variables and results over to the columns they meet."""
        flows = self._flows = self._between_functions()
        self.links += list(self._parts(flows))
        said: dict[Place, Term] = defaultdict(Term)
        for place, term in self._said.items():
            said[flows.leader(place)] = said[flows.leader(place)] | term
        compared: dict[Place, list[Comparison]] = defaultdict(list)
        for comparison in self.compared:
            if comparison.ref.place.of_function:
                compared[flows.leader(comparison.ref.place)].append(comparison)
        for column, other in self._meetings():
            leader = flows.leader(other.place)
            self._columns[leader][column.place] = None
            self.tied += [(column, claim) for claim in said[leader].claims if claim]
            self.compared += [
                Comparison(column, EQUAL, literal, True, column.block) for literal in said[leader].literals
            ]
            self.compared += [
                Comparison(column, c.operator, c.value, c.positive, c.block) for c in compared[leader]
            ]
        self.compared = list(dict.fromkeys(c for c in self.compared if not c.ref.place.of_function))
        self.tied = list(dict.fromkeys((r, c) for r, c in self.tied if not r.place.of_function))

    def _between_functions(self) -> _Groups:
        return _Groups(
            (left.place, right.place)
            for left, right in self.links
            if left.place.of_function and right.place.of_function
        )

    def _parts(self, flows: _Groups) -> Iterator[tuple[Ref, Ref]]:
        """Find the columns of which a function compares a part: a folder of the path that it is given."""
        whole: dict[Place, list[Ref]] = defaultdict(list)
        for column, other in self._meetings():
            whole[flows.leader(other.place)].append(column)
        for place in {ref.place for link in self.links for ref in link if ref.place.of_function}:
            name, slash, part = place.name.partition("/")
            for column in whole[flows.leader(Place(place.owner, name))] if slash else ():
                yield (
                    column._replace(place=Place(column.place.owner, f"{column.place.name}/{part}")),
                    Ref(place),
                )

    def _meetings(self) -> Iterator[tuple[Ref, Ref]]:
        for left, right in self.links:
            if left.place.of_function != right.place.of_function:
                yield (right, left) if left.place.of_function else (left, right)


class _Groups:
    """Disjoint sets of places."""

    def __init__(self, pairs: Iterable[tuple[Place, Place]]) -> None:
        self._above: dict[Place, Place] = {}
        for left, right in pairs:
            self._above[self.leader(left)] = self.leader(right)

    def leader(self, place: Place) -> Place:
        while (above := self._above.get(place, place)) != place:
            self._above[place] = self._above.get(above, above)
            place = above
        return place
