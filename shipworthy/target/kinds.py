"""What the keys of a target file may hold, and what all its sections have in common.

A ``Secret`` is never printed and is registered for redaction. Every other field is
public by declaration: it may appear in reports.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

Secret = SecretStr


def _web_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{text!r} is no web address; write https://host[:port][/path]")
    if parts.username or parts.password:
        raise ValueError("a web address with a password in it; keep credentials in keys of their own")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_web_url)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Milliseconds = Annotated[float, Field(gt=0, le=3_600_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[list[str], Field(min_length=1)]


class Section(BaseModel):
    """A table of the target file: parsed once, frozen, strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
