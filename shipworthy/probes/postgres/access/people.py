"""The people of two worlds: users of the deployment, and the personas that act for them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg.sql import SQL

from shipworthy.probes.postgres.access.model import A, B, People
from shipworthy.probes.postgres.personas import ANONYMOUS, SERVICE, Persona

NAMESPACE = UUID("5b1f0a52-9a6e-4c55-8f3f-3d5a5d6c7e10")
"""Of the ids of made users: the same in every run, so that two runs can be compared."""
LASTS_S = 86_400
"""A token is good for so long, in seconds: longer than any run."""
ASSURANCE = "aal2"
"""The level of the personas' sessions: what policies refuse them is not refused for a missing factor."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user of ``auth.users``."""

    name: str
    world: str
    """``A``, ``B``, or empty for those who live in neither or in both."""
    is_anonymous: bool = False

    @property
    def id(self) -> str:
        """The user's id."""
        return str(uuid5(NAMESPACE, f"{self.name} {self.world}"))

    @property
    def token(self) -> str:
        """A text that stands in the user's own row."""
        return f"person{self.id[:8]}"

    @property
    def email(self) -> str | None:
        """The address; anonymous users have none."""
        return None if self.is_anonymous else f"{self.token}@example.com"

    @property
    def row(self) -> dict[str, str | None]:
        """The columns of ``auth.users`` that a sign-up would fill.

        Triggers of projects read names from the metadata, under one of these keys.
        """
        names = ("full_name", "name", "username", "user_name", "display_name", "first_name", "last_name")
        return {
            "id": self.id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": self.email,
            "is_anonymous": "true" if self.is_anonymous else "false",
            "raw_app_meta_data": json.dumps({"provider": "email", "providers": ["email"]}),
            "raw_user_meta_data": json.dumps({"email": self.email, **dict.fromkeys(names, self.token)}),
        }


ADMIN, MEMBER, CLERK = "admin", "member", "clerk"
OPERATOR = "operator"
STRANGER = Person("stranger", "")
ANONYMOUS_USER = Person("anonymous", "", is_anonymous=True)
BOTH, FORMER = Person("both", ""), Person("former", "")
LIVING = (ADMIN, MEMBER)
"""Who lives in a world. The clerk does only where some table makes people operators of the whole
deployment: one who is let in everywhere shows nothing but that a policy can be satisfied."""


def person(name: str, world: str) -> Person:
    """Give someone who lives in a world."""
    return Person(name, world)


def everyone(*, clerks: bool) -> Iterator[Person]:
    """Iterate over all users that are made."""
    for name in (*LIVING, *((CLERK,) if clerks else ())):
        yield from (Person(name, A), Person(name, B))
    yield from (STRANGER, ANONYMOUS_USER, BOTH, FORMER)


Claims = Mapping[str, Any]
"""Dotted claim to value."""


def make_people(claims: Mapping[str, Claims], *, both: bool, former: bool, clerks: bool) -> People:
    """Make the personas.

    Args:
        claims: world to the claims that its people have.
        both: someone is a member of both worlds.
        former: someone was a member of world A.
        clerks: someone operates the whole deployment.

    """
    of_both, switched = _merged(claims[A], claims[B]), _merged(claims[B], claims[A])
    return People(
        anon=replace(ANONYMOUS, name="anon"),
        anonymous=_persona(ANONYMOUS_USER, "anonymous", {}),
        stranger=_persona(STRANGER, "stranger", {}),
        member=_persona(person(MEMBER, A), "member", claims[A]),
        admin=_persona(person(ADMIN, A), "admin", claims[A]),
        both=_persona(BOTH, "member of both", of_both) if both else None,
        former=_persona(FORMER, "former member", {}) if former else None,
        service=SERVICE,
        operator=_persona(person(CLERK, A), OPERATOR, claims[A]) if clerks else None,
        switched=_persona(BOTH, "member of both, in B", switched) if both and switched != of_both else None,
    )


def write_claims(connection: psycopg.Connection[Any], user: str, claims: Claims) -> None:
    """Put claims where Supabase Auth takes them from, for functions that look there."""
    for part, column in (("app_metadata", "raw_app_meta_data"), ("user_metadata", "raw_user_meta_data")):
        metadata = _nested(claims).get(part)
        if metadata:
            connection.execute(
                SQL("update auth.users set {0} = coalesce({0}, '{{}}') || %s where id = %s").format(
                    SQL(column)
                ),
                [json.dumps(metadata), user],
            )


def _persona(someone: Person, name: str, claims: Claims) -> Persona:
    nested = _nested(claims)
    app, user = nested.pop("app_metadata", {}), nested.pop("user_metadata", {})
    issued = int(time.time())
    always = {"email": someone.email or "", "phone": "", "iat": issued, "exp": issued + LASTS_S}
    return Persona(
        name,
        "authenticated",
        UUID(someone.id),
        is_anonymous=someone.is_anonymous,
        app_metadata={"provider": "anonymous" if someone.is_anonymous else "email", **app},
        user_metadata=user,
        declared={**always, "aal": ASSURANCE, **nested},
    )


def _merged(one: Claims, other: Claims) -> Claims:
    """Two tenants in one token: both where the claim is a list; else the first, as there can be one only."""
    return {
        name: sorted({*value, *other[name]}) if isinstance(value, list) and name in other else value
        for name, value in one.items()
    }


def _nested(claims: Claims) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for dotted, value in claims.items():
        *path, name = dotted.split(".")
        place = found
        for step in path:
            place = place.setdefault(step, {})
        place[name] = value
    return found
