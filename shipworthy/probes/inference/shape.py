"""What the typed models of all answers have in common.

Fields that engines add are let through; fields that clients rely on must be there, with their types.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

Count = Annotated[int, Field(ge=0, le=2**53)]
"""As far as JSON's numbers are exact everywhere (RFC 8259, 6)."""
Text = Annotated[str, Field(min_length=1)]
Number = FiniteFloat
SEEN = 80
"""Characters that are shown of a value that is wrong."""


class Shape(BaseModel):
    """Strict about the types of the fields it knows, indifferent to others."""

    model_config = ConfigDict(strict=True, frozen=True)


S = TypeVar("S", bound=Shape)


def read(shape: type[S], content: bytes) -> S | ValidationError:
    """Read a body as one shape, or give what keeps it from being one."""
    try:
        return shape.model_validate_json(content)
    except ValidationError as error:
        return error


def first_problem(error: ValidationError) -> str:
    """Say in one line what is wrong with an answer: the field, its trouble, and what stands there.

    Of a field that is missing that is what it is missing in; of what is no JSON, nothing.
    """
    first = error.errors(include_url=False)[0]
    said = f"{'.'.join(str(step) for step in first['loc']) or 'body'}: {first['msg']}"
    if first["type"] == "json_invalid":
        return said
    seen = repr(first["input"])
    return f"{said}, seen: {seen[:SEEN]}{' …' if len(seen) > SEEN else ''}"
