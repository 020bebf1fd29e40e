"""Values worth trying in a column: from its type, and from what checks say about it.

They come in the order of preference: first those that carry the row's token, last those that
only a check could want. Which of them hold is for the server to say.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from shipworthy.probes.postgres.access.hints import Hints
from shipworthy.probes.postgres.access.scalars import Make, scalar
from shipworthy.probes.postgres.access.schema import Type
from shipworthy.probes.postgres.access.texts import TEXTS, texts


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a value: from the row's token and a number that no other row has."""

    make: Make
    fresh: bool = False
    """Rows with different tokens and numbers get different values."""
    expression: str | None = None
    """SQL that stands in place of a made value."""
    default: bool = False
    """The column's own default, which ``expression`` says too."""
    given: bool = False
    """What the caller wants, row by row."""

    def literal(self, token: str, number: int) -> str:
        """Give the SQL for the value, so that it can be tried outside an INSERT."""
        return self.expression or quoted(self.make(token, number))


NOTHING = Recipe(lambda _token, _number: None)
"""NULL."""


def quoted(value: str | None) -> str:
    """Give a value as an SQL literal."""
    if value is None:
        return "null"
    text = value.replace("\0", "").replace("'", "''")
    return f"'{text}'" if "\\" not in text else "E'" + text.replace("\\", "\\\\") + "'"


def constant(value: str | None) -> Recipe:
    """Make the recipe that is always this value."""
    return Recipe(lambda _token, _number: value)


def recipes(kind: Type, hints: Hints) -> Iterator[Recipe]:
    """Give recipes for a type, the preferred ones first; none of them is NULL."""
    if kind.kind == "array" and kind.element:
        yield from _arrays(kind.element, hints)
    elif kind.kind == "composite":
        yield from _composites(kind, hints)
    elif kind.kind in {"range", "multirange"} and kind.subtype:
        yield from _ranges(kind, kind.subtype)
    elif kind.kind == "enum":
        yield from (constant(label) for label in (*hints.literals, *kind.labels) if label in kind.labels)
        yield from map(constant, kind.labels)
    else:
        yield from _scalars(kind, hints)


def _scalars(kind: Type, hints: Hints) -> Iterator[Recipe]:
    made: Iterator[tuple[Make, bool]]
    if kind.base in TEXTS:
        made = texts(kind, hints)
    elif kind.base in {"json", "jsonb"}:
        made = _documents(hints)
    else:
        made = scalar(kind, hints)
    for make, fresh in made:
        yield Recipe(make, fresh)


def _arrays(element: Type, hints: Hints) -> Iterator[Recipe]:
    of_elements = Hints(**{name: getattr(hints, name) for name in hints.__slots__ if name != "lengths"})
    made = list(itertools.islice(recipes(element, of_elements), MOST_ELEMENTS))
    said = [constant(text) for text in hints.literals[:MOST_ELEMENTS] if not text.startswith("{")]
    inner = [*made[:1], *said, *made[1:]]
    sizes = dict.fromkeys((1, *(n + d for n in hints.lengths for d in (0, 1, -1)), 2, 3, 0))
    for recipe in inner:
        yield Recipe(_array([recipe]), recipe.fresh)
    for size in sizes:
        if 0 <= size <= MOST_ELEMENTS * 4:
            cycle = list(itertools.islice(itertools.cycle(inner), size))
            yield Recipe(_array(cycle))
            yield Recipe(_array(inner[:1] * size))
    yield from (constant(text) for text in hints.literals if text.startswith("{"))


MOST_ELEMENTS = 24


def _array(inner: Sequence[Recipe]) -> Make:
    def make(token: str, number: int) -> str:
        return "{" + ",".join(_element(recipe.make(token, number)) for recipe in inner) + "}"

    return make


def _element(text: str | None) -> str:
    return "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _composites(kind: Type, hints: Hints) -> Iterator[Recipe]:
    choices = [list(itertools.islice(recipes(inner, hints), 6)) or [NOTHING] for _, inner in kind.fields]
    for place in range(max(map(len, choices), default=1)):
        yield Recipe(_composite([choice[min(place, len(choice) - 1)] for choice in choices]))


def _composite(inner: Sequence[Recipe]) -> Make:
    def make(token: str, number: int) -> str:
        parts = [recipe.make(token, number) for recipe in inner]
        return "(" + ",".join("" if part is None else _element(part) for part in parts) + ")"

    return make


def _ranges(kind: Type, subtype: Type) -> Iterator[Recipe]:
    """Give ranges that overlap no other row's, then some that a check might want."""
    numbers = ("%d", lambda number: 10 * number, lambda number: 10 * number + 5)
    low, high = _range_ends(subtype) or numbers[1:]
    around = "{%s}" if kind.kind == "multirange" else "%s"
    for form in ("[%s,%s)", "[%s,%s]", "[%s,)", "(,%s)"):
        yield Recipe(_range(around % form, low, high), fresh=form.startswith("[%s,%s"))
    yield constant(around % "[,]" if kind.kind == "range" else "{(,)}")
    yield constant("empty" if kind.kind == "range" else "{}")


End = Callable[[int], object]


def _range_ends(subtype: Type) -> tuple[End, End] | None:
    day = timedelta(days=1)
    if subtype.base == "date":
        return (lambda n: FIRST_DAY.date() + 10 * n * day, lambda n: FIRST_DAY.date() + (10 * n + 5) * day)
    if subtype.base in {"timestamp", "timestamptz"}:
        return (lambda n: FIRST_DAY + n * day, lambda n: FIRST_DAY + n * day + day / 2)
    return None


def _range(form: str, low: End, high: End) -> Make:
    def make(_token: str, number: int) -> str:
        ends = (low(number), high(number))
        return form % (ends if form.count("%s") > 1 else ends[0])

    return make


FIRST_DAY = datetime(2027, 1, 1)  # noqa: DTZ001  a value for timestamps without and with a zone


def _documents(hints: Hints) -> Iterator[tuple[Make, bool]]:
    """Give JSON documents: of the keys that checks ask for, with values of each kind."""
    keys = list(dict.fromkeys(hints.keys))
    if not keys:
        yield (lambda token, _number: json.dumps({"token": token})), True
    for size in dict.fromkeys(n + d for n in hints.lengths for d in (0, 1)):
        yield _list_of(size, keys), size > 0
        yield _list_of(size, ()), size > 0
    leaves: list[object] = [*hints.literals, *map(_plain, hints.numbers), 1, True, [], {}, "2027-01-01"]
    for extra in (None, *leaves):
        yield _document(keys, extra), extra is None
    yield _list_of(1, ()), True
    yield _list_of(1, keys), True
    for key, extra in itertools.product(keys[:4], leaves[:12]):
        yield _document([k for k in keys if k != key], None, {key: extra}), True
    for text in (*hints.literals, "{}", "[]", '"text"', "1", "true", "null", "[[]]", "[{}]"):
        yield constant(text).make, False
    yield (lambda token, _number: json.dumps(token)), True


def _document(keys: Sequence[str], leaf: object, more: dict[str, object] | None = None) -> Make:
    def make(token: str, _number: int) -> str:
        return json.dumps({**dict.fromkeys(keys, token if leaf is None else leaf), **(more or {})})

    return make


def _list_of(size: int, keys: Sequence[str]) -> Make:
    """Make a list of texts, or of objects with these keys."""
    count = max(0, min(size, LONGEST_LIST))
    return lambda token, _number: json.dumps([dict.fromkeys(keys, token) if keys else token] * count)


LONGEST_LIST = 1000


def _plain(number: Decimal) -> float | int:
    return int(number) if number == int(number) else float(number)
