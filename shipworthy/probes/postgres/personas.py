"""Acting as one of the Data API's callers, the way the API itself does, and never for good."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

SEARCH_PATH = "public, extensions"
"""What the Data API sets for its callers."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Someone who calls: a database role and, for users, whose token it is."""

    name: str
    role: str | None
    """None: the session's own user, the owner of everything."""
    user: UUID | None = None
    is_anonymous: bool = False
    app_metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What the project alone can write into a user's token."""
    user_metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What users can write into their own tokens."""
    declared: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Any other claims: ``email``, ``aal``, what a hook of the project adds."""

    @property
    def claims(self) -> str:
        """The token's claims as the API hands them to the database."""
        if self.role is None:
            return ""
        if self.user is None:
            return json.dumps({"role": self.role, **self.declared})
        return json.dumps(
            {
                "role": self.role,
                "sub": str(self.user),
                "aud": "authenticated",
                "is_anonymous": self.is_anonymous,
                "app_metadata": dict(self.app_metadata),
                "user_metadata": dict(self.user_metadata),
                **self.declared,
            }
        )


OWNER = Persona("owner", None)
SERVICE = Persona("service_role", "service_role")
ANONYMOUS = Persona("anon", "anon")


def member(name: str, user: UUID) -> Persona:
    """Make the persona of a signed-in user."""
    return Persona(name, "authenticated", user)


@contextmanager
def acting_as(connection: psycopg.Connection[Any], persona: Persona) -> Iterator[None]:
    """Be this persona inside the block; whatever it does is rolled back at its end."""
    with connection.transaction(force_rollback=True):
        become(connection, persona)
        yield


def become(connection: psycopg.Connection[Any], persona: Persona) -> None:
    """Take over role, claims and ``search_path`` until the surrounding transaction ends."""
    connection.execute(
        "select set_config('role', 'none', true), set_config('search_path', %s, true),"
        " set_config('request.jwt.claims', %s, true), set_config('request.jwt.claim.sub', %s, true),"
        " set_config('request.jwt.claim.role', %s, true), set_config('role', %s, true)",
        [
            SEARCH_PATH,
            persona.claims,
            str(persona.user) if persona.user else "",
            persona.role or "",
            persona.role or "none",
        ],
    )
