"""The buckets of Storage, and what policies on their objects hold on to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from shipworthy.probes.postgres.bodies import Text, read_text
from shipworthy.probes.postgres.policies import Policy

OBJECTS = "storage.objects"
_PLATFORM = frozenset({"", "auth", "storage", "pg_catalog"})
_COMMANDS = ("select", "insert", "update", "delete")
_PER_OBJECT = frozenset({"owner", "owner_id", "name", "path_tokens", "user_metadata"})


# Through jsonb, because older platforms lack columns.
_BUCKETS = """
select b.id, coalesce((j ->> 'public')::boolean, false), j ->> 'file_size_limit' is not null,
  coalesce(j -> 'allowed_mime_types' not in ('null', '[]'), false)
from storage.buckets b cross join lateral pg_catalog.to_jsonb(b) j order by 1
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket, with what it takes."""

    name: str
    public: bool
    limited: bool
    """The size of a file is limited."""
    typed: bool
    """Only some types of content are taken."""


@dataclass(frozen=True, slots=True)
class ObjectPolicy:
    """A permissive policy on the objects of Storage."""

    policy: Policy
    buckets: frozenset[str]
    """The buckets that its text names; empty where it names none."""
    by_bucket: bool
    """It asks in which bucket an object lies."""
    per_object: bool
    """It asks whose an object is: by owner, by path, or by a look-up."""
    by_path: bool
    """It asks for the path: where an object lies says whose it is."""
    adds: bool
    """It lets objects be added."""

    @property
    def open_to(self) -> tuple[str, ...]:
        """The roles that it serves: who is not signed in is none where it asks for a sign-in."""
        return tuple(
            role
            for role in self.policy.grantees
            if role != "anon" or not any(read_text(e).asks_for_caller for e in self.policy.expressions)
        )

    def reaches(self, bucket: Bucket) -> bool:
        """Tell whether the policy is about this bucket, as far as its text says."""
        return not self.by_bucket or not self.buckets or bucket.name in self.buckets


def read_buckets(connection: psycopg.Connection[Any]) -> tuple[Bucket, ...]:
    """Read the buckets that the database has."""
    rows = connection.execute(_BUCKETS)
    return tuple(Bucket(*row) for row in rows)


def configured_buckets(config: Mapping[str, Any], buckets: tuple[Bucket, ...]) -> tuple[Bucket, ...]:
    """Add what ``[storage.buckets]`` of ``config.toml`` says, which is applied over what is there."""
    known = {bucket.name: bucket for bucket in buckets}
    for name, settings in config.get("storage", {}).get("buckets", {}).items():
        there = known.get(name, Bucket(name, public=False, limited=False, typed=False))
        known[name] = replace(
            there,
            public=settings.get("public", there.public),
            limited=there.limited or "file_size_limit" in settings,
            typed=there.typed or bool(settings.get("allowed_mime_types")),
        )
    return tuple(known[name] for name in sorted(known))


def add_buckets(connection: psycopg.Connection[Any], buckets: Iterable[Bucket]) -> None:
    """Make buckets, as public or private as they are said to be."""
    statement = (
        "insert into storage.buckets (id, name, public) values (%(name)s, %(name)s, %(public)s)"
        " on conflict (id) do update set public = excluded.public"
    )
    for bucket in buckets:
        connection.execute(statement, {"name": bucket.name, "public": bucket.public})


def object_policies(policies: tuple[Policy, ...]) -> tuple[ObjectPolicy, ...]:
    """Give the permissive policies on objects that serve users, with what they ask about."""
    return tuple(
        _read(policy)
        for policy in policies
        if policy.table == OBJECTS and policy.permissive and policy.grantees
    )


def strangers_objects(policies: Iterable[ObjectPolicy], private: frozenset[str]) -> tuple[ObjectPolicy, ...]:
    """Give the policies that serve users the objects of others: they ask for the bucket and no more.

    Everyone reads a public bucket anyway, and one that is not known may be public. Adding an object
    touches nobody's, unless its place says whose it is, or whoever adds it has not signed in.
    """
    policies = tuple(policies)
    return tuple(
        policy
        for policy in policies
        if policy.by_bucket and not policy.per_object and _touches_others(policy, policies, private)
    )


def _touches_others(policy: ObjectPolicy, all_: Iterable[ObjectPolicy], private: frozenset[str]) -> bool:
    commands = _COMMANDS if policy.policy.command == "all" else (policy.policy.command,)
    if policy.buckets & private and "select" in commands:
        return True
    placed = any(other.by_path and other.buckets & policy.buckets for other in all_)
    adds_badly = policy.adds and (placed or "anon" in policy.open_to)
    return adds_badly or not {"update", "delete"}.isdisjoint(commands)


def _read(policy: Policy) -> ObjectPolicy:
    texts = [read_text(expression) for expression in policy.expressions]
    words = {word for text in texts for word in text.words}
    named = {name for expression in policy.expressions for name in _bucket_names(expression)}
    return ObjectPolicy(
        policy,
        buckets=frozenset(named),
        by_bucket="bucket_id" in words,
        by_path=bool(words & {"name", "path_tokens"}),
        adds=policy.command in {"insert", "all"},
        per_object=bool(words & _PER_OBJECT) or any(map(_looks_up, texts)),
    )


def _looks_up(text: Text) -> bool:
    """Tell whether a text asks tables or functions other than who is calling."""
    return "from" in text.words or any(schema not in _PLATFORM for schema, _ in text.calls)


def _bucket_names(expression: str) -> list[str]:
    compared = re.findall(
        r"bucket_id\s*(?:=|=\s*any\s*\()\s*\(?(?:array\[)?([^)\]]*)", expression, re.IGNORECASE
    )
    return [name for part in compared for name in re.findall(r"'([^']*)'", part)]
