"""Reading facts of one kind with one statement: the size of a database costs rows, not round trips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row

Fact = TypeVar("Fact")


def read_facts(
    connection: psycopg.Connection[Any], kind: type[Fact], query: str, values: Mapping[str, Any]
) -> tuple[Fact, ...]:
    """Give one fact a row; arrays become tuples, so that facts of two databases compare as sets."""
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return tuple(_hashable(fact) for fact in cursor.execute(query.encode(), values))


def _hashable(fact: Any) -> Any:
    values = {field.name: getattr(fact, field.name) for field in fields(fact)}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return replace(fact, **lists) if lists else fact
