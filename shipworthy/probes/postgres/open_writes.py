"""Write policies that let everyone through, however that is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from shipworthy.probes.postgres.openness import is_literally_true, lets_through
from shipworthy.probes.postgres.policies import USERS, Policy

WRITES = ("insert", "update", "delete")
Asks = Callable[[str, str], bool]
"""Tells whether an expression is true for a stranger of a role; see ``openness.Stranger``."""


@dataclass(frozen=True, slots=True)
class OpenWrite:
    """A write that a policy lets everyone of a role do."""

    policy: Policy
    command: str
    role: str
    expression: str
    gives_away: bool
    """Rows to be changed are limited, but not to what: a changed row can go to anyone."""


def open_writes(policies: Iterable[Policy], asks: Asks) -> tuple[OpenWrite, ...]:
    """Give the write policies that are always true for ``anon``, or for everyone who is signed in.

    What only asks for a sign-in counts where rows belong to someone, a plain ``true`` everywhere; that
    whoever is signed in may found a new tenant does not count. A restrictive policy that does limit
    the command takes the finding away.
    """
    policies = tuple(policies)
    return tuple(
        found
        for policy in policies
        if policy.permissive and policy.row_security
        for found in _of(policy, asks)
        if not _restricted(found, policies, asks)
    )


def _of(policy: Policy, asks: Asks) -> Iterator[OpenWrite]:
    for role in USERS:
        for command in policy.commands(role):
            if command not in WRITES or (command == "insert" and role != "anon" and policy.tenant):
                continue
            parts = policy.decides(command)
            open_ = [part for part in parts if _open(policy, part, role, asks)]
            if len(open_) == len(parts):
                yield OpenWrite(policy, command, role, open_[0], gives_away=False)
            elif policy.check in open_ and is_literally_true(policy.check):
                yield OpenWrite(policy, command, role, policy.check, gives_away=True)


def _open(policy: Policy, expression: str, role: str, asks: Asks) -> bool:
    if is_literally_true(expression):
        return True
    if role == "authenticated" and not policy.owned:
        return lets_through(expression, "anon", not_null=policy.not_null)
    return lets_through(expression, role, not_null=policy.not_null) or asks(expression, role)


def _restricted(found: OpenWrite, policies: Iterable[Policy], asks: Asks) -> bool:
    return any(
        other.table == found.policy.table
        and not other.permissive
        and found.command in other.commands(found.role)
        and not all(_open(other, part, found.role, asks) for part in other.decides(found.command))
        for other in policies
    )
