"""Values of the types that are neither text nor made of others."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from shipworthy.probes.postgres.access.hints import LONGEST, Hints
from shipworthy.probes.postgres.access.schema import Type

Make = Callable[[str, int], str | None]
"""Makes a value from the row's token and a number that no other row has."""

INTEGERS = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1, "oid": 2**32 - 1}
NUMBERS = {*INTEGERS, "numeric", "float4", "float8", "money"}
TIMES = {"date", "timestamp", "timestamptz", "time", "timetz"}
NAMESPACE = uuid.UUID("5f0c3a1e-6f2b-4c35-9a54-2f6f8f0f3f10")
NOON = datetime(2026, 6, 1, 12)  # noqa: DTZ001  for timestamps without a zone too
DAYS = (
    "2026-06-01", "2099-12-01", "1990-01-01", "2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05",
    "2026-06-06",
    "2026-06-07", "2000-01-01", "2030-01-01", "2099-12-31", "1970-01-01", "2026-06-30", "2024-02-29",
)  # fmt: skip
"""A week, ends and beginnings of months, years long gone and far ahead."""
CLOCK = ("12:00:00", "09:00:00", "17:00:00", "00:00:00", "23:59:59", "10:30:00", "18:00:00")

SAMPLES: dict[str, tuple[str, ...]] = {
    "bool": ("true", "false"),
    "interval": ("1 day", "1 hour", "30 minutes", "0", "1 month", "1 year", "-1 day", "15 minutes", "7 days"),
    "point": ("(1,2)", "(0,0)"), "line": ("{1,2,3}",), "lseg": ("[(0,0),(1,1)]",), "box": ("((1,1),(0,0))",),
    "path": ("((0,0),(1,1),(1,0))", "[(0,0),(1,1)]"), "polygon": ("((0,0),(1,1),(1,0))",),
    "circle": ("<(0,0),1>",),
    "macaddr": ("08:00:2b:01:02:03",), "macaddr8": ("08:00:2b:01:02:03:04:05",), "tid": ("(0,1)",),
    "pg_snapshot": ("10:20:10,14",), "txid_snapshot": ("10:20:10,14",), "int2vector": ("1 2",),
    "oidvector": ("1 2",),
    "regclass": ("pg_catalog.pg_class",), "regtype": ("integer",), "regproc": ("pg_catalog.now",),
    "regprocedure": ("pg_catalog.now()",), "regoper": ("pg_catalog.||/",),
    "regoperator": ("pg_catalog.+(integer,integer)",),
    "regnamespace": ("pg_catalog",), "regrole": ("postgres",), "regcollation": ('"C"',),
    "regconfig": ("english",),
    "regdictionary": ("simple",), "jsonpath": ("$.a",), "xid": ("1",), "xid8": ("1",), "cid": ("1",),
    "aclitem": ("=r/postgres",), "cube": ("(1,2)",), "seg": ("1",), "semver": ("1.0.0",),
    "isbn": ("978-0-393-04002-9",),
    "isbn13": ("978-0-393-04002-9",), "issn": ("1436-4522",), "ean13": ("978-0-393-04002-9",),
    "earth": ("(6378168,0,0)",),
    "box2d": ("BOX(0 0,1 1)",), "box3d": ("BOX3D(0 0 0,1 1 1)",), "lquery": ("a.*",), "ltxtquery": ("a",),
    "query_int": ("1",), "bpchar": ("a",), "char": ("a",), "raster": ("",), "topogeometry": ("(1,1,1,1)",),
}  # fmt: skip
LAST_RESORT = ("1", "0", "a", "{}", "[]", "()", "(1,2)", "1.0.0", "POINT(0 0)", "{1,2}", "[1,2]", "")
"""For types that nothing is known of."""
SHAPES = {
    "POINT": "(1 2)", "LINESTRING": "(0 0,1 1)", "POLYGON": "((0 0,1 0,1 1,0 0))", "MULTIPOINT": "((1 2))",
    "MULTILINESTRING": "((0 0,1 1))", "MULTIPOLYGON": "(((0 0,1 0,1 1,0 0)))",
    "GEOMETRYCOLLECTION": "(POINT(1 2))",
}  # fmt: skip


def scalar(kind: Type, hints: Hints) -> Iterator[tuple[Make, bool]]:
    """Give ways to make values of a type, and of each whether every row's differs."""
    fresh = _fresh(kind)
    if fresh:
        yield fresh, True
    if kind.base == "bytea":
        yield from (
            (_bytes(length), length > len("token")) for length in hints.lengths if 0 < length <= LONGEST
        )
    for text in dict.fromkeys(_samples(kind, hints)):
        yield _always(text), False


def is_plain(kind: Type) -> bool:
    """Tell whether the first value that is made for a type surely is one of it."""
    sized = kind.base in {
        "numeric",
        "bit",
        "varbit",
        "timestamp",
        "timestamptz",
        "time",
        "timetz",
        "interval",
    }
    known = kind.base in {*TIMES, *NUMBERS, "uuid", "bool", "bytea", "interval", "inet", "vector", "halfvec"}
    return known and not kind.domains and not (sized and kind.sizes)


def _always(text: str) -> Make:
    return lambda _token, _number: text


def _fresh(kind: Type) -> Make | None:
    """Give a way to make a value that no other row has, for types with room for that."""
    base = kind.base
    if base in NUMBERS:
        return _counted(kind)
    if base in {"bit", "varbit"}:
        size = (kind.sizes or (1 if base == "bit" else 16,))[0]
        return lambda _token, number: f"{number % 2**size:0{size}b}"
    if base in {"vector", "halfvec", "sparsevec"}:
        return _vector(base, (kind.sizes or (3,))[0])
    if base in {"geometry", "geography"}:
        return _geometry(kind.plain)
    return MAKERS.get(base)


def _bytes(length: int) -> Make:
    return lambda token, number: "\\x" + f"{token}/{number}".encode().ljust(length, b".")[-length:].hex()


def _counted(kind: Type) -> Make:
    largest = INTEGERS.get(kind.base, 10**6)
    if kind.base == "numeric" and kind.sizes:
        whole = kind.sizes[0] - (kind.sizes[1] if len(kind.sizes) > 1 else 0)
        largest = max(10**whole - 1, 0)
    return lambda _token, number: str(number % (largest + 1) or min(1, largest))


def _vector(base: str, size: int) -> Make:
    """Give vectors that differ in their first part; none is zero, whose cosine distance is undefined."""
    if base == "sparsevec":
        return lambda _token, number: f"{{1:{1 + number % 1000}}}/{size}"
    return lambda _token, number: "[" + ",".join([str(1 + number % 1000), *["0.5"] * (size - 1)]) + "]"


def _geometry(text: str) -> Make:
    found = re.search(r"\((\w+?)(ZM?|M)?(?:,(\d+))?\)$", text)
    name, dimensions, srid = found.groups() if found else ("POINT", None, None)
    name = "POINT" if name.upper() not in SHAPES else name.upper()
    shape = SHAPES[name]
    if dimensions:
        shape = re.sub(r"(\d) (\d)", rf"\1 \2{' 0' * len(dimensions)}", shape)
    prefix = f"SRID={srid};" if srid and srid != "0" else ""
    return lambda _token, number: (
        prefix
        + name
        + (f" {dimensions} " if dimensions else "")
        + shape.replace("(1 2", f"({1 + number % 80} 2")
    )


MAKERS: dict[str, Make] = {
    "uuid": lambda token, number: str(uuid.uuid5(NAMESPACE, f"{token}/{number}")),
    "date": lambda _token, number: str((NOON + timedelta(days=number % 25_000)).date()),
    "timestamp": lambda _token, number: str(NOON + timedelta(seconds=number)),
    "timestamptz": lambda _token, number: f"{NOON + timedelta(seconds=number)}+00",
    "time": lambda _token, number: str((NOON + timedelta(seconds=number % 40_000)).time()),
    "timetz": lambda _token, number: f"{(NOON + timedelta(seconds=number % 40_000)).time()}+00",
    "bytea": lambda token, number: "\\x" + f"{token}/{number}".encode().hex(),
    "inet": lambda _token, number: f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
    "cidr": lambda _token, number: f"10.{number >> 8 & 255}.{number & 255}.0/24",
    "macaddr": lambda _token, number: (
        f"08:00:2b:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    ),
    "point": lambda _token, number: f"({number},2)",
    "circle": lambda _token, number: f"<({10 * number},0),1>",
    "box": lambda _token, number: f"(({10 * number + 1},1),({10 * number},0))",
    "pg_lsn": lambda _token, number: f"0/{number:X}",
    "interval": lambda _token, number: f"{1 + number} minutes",
    "ltree": lambda token, number: f"{token}.n{number}",
    "hstore": lambda token, number: f'"token"=>"{token}", "number"=>"{number}"',
    "tsvector": lambda token, _number: f"'{token}'",
    "tsquery": lambda token, _number: f"'{token}'",
    "xml": lambda token, _number: f"<row>{token}</row>",
}


def _samples(kind: Type, hints: Hints) -> Iterator[str]:
    if kind.base in NUMBERS:
        yield from map(str, _numbers(kind, hints))
    elif kind.base in TIMES:
        yield from _moments(kind.base, hints)
    else:
        yield from SAMPLES.get(kind.base, ())
        yield from hints.literals
        yield from () if kind.base in SAMPLES or kind.base in MAKERS else LAST_RESORT


def _numbers(kind: Type, hints: Hints) -> Iterator[Decimal | int]:
    given = sorted({*hints.numbers, *(Decimal(text) for text in hints.literals if _is_number(text))})
    whole = kind.base in INTEGERS
    steps: tuple[Decimal | int, ...] = (0, 1, -1) if whole else (0, 1, -1, Decimal("0.5"), Decimal("0.01"))
    between = [(low + high) / 2 for low, high in itertools.pairwise(given)]
    near = [number + step for number in given for step in steps]
    several = [number * factor for number in given for factor in (2, 3, 10)]
    row = range(int(given[0]), int(min(given[-1], given[0] + 40)) + 1) if given else ()
    for number in (
        1,
        *between,
        *near,
        *row,
        *several,
        0,
        2,
        5,
        10,
        50,
        100,
        1000,
        Decimal("0.5"),
        Decimal("0.1"),
        -1,
    ):
        yield int(number) if whole else number


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d{1,30}(\.\d{1,30})?", text))


def _moments(base: str, hints: Hints) -> Iterator[str]:
    if base in {"time", "timetz"}:
        yield from (*CLOCK, *hints.literals)
        return
    noon = "" if base == "date" else " 12:00:00"
    given = list(filter(None, map(_moment, hints.literals)))
    yield from (f"{day}{noon}" for day in DAYS)
    for moment in given:
        for days in (0, 1, -1, 32, -32):
            shifted = moment + timedelta(days=days)
            yield str(shifted.date() if base == "date" else shifted)
    if base != "date":
        yield from DAYS


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
