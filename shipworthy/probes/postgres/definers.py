"""Functions with their owner's rights that users can call, and whether they ask who is calling."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from shipworthy.probes.postgres.bodies import Text, by_name, reached_functions, read_text
from shipworthy.probes.postgres.exposure import Function

CAPABILITY = re.compile(r"(^|_)(token|code|hash|signature|otp|nonce|secret)$")
"""How arguments are called that only those know whom the call is for."""
QUERIES = frozenset({"from", "execute"})


@dataclass(frozen=True, slots=True)
class Unasking:
    """A definer function that users can call and that never asks who they are."""

    function: Function
    does: str
    """What nobody in particular can make it do, as in "changes rows"."""


def unasking_definers(functions: Iterable[Function]) -> tuple[Unasking, ...]:
    """Give the definer functions of exposed schemas that serve users without asking who calls.

    A function that changes rows or calls another service counts, unless it takes a token that only
    some know, or only counts up; one that only reads counts where nothing limits what it gives.
    """
    functions = tuple(functions)
    index = by_name(functions)
    found = []
    for function in functions:
        opens = function.exposed and function.security_definer and function.past_policies
        if function.trigger or not opens or not function.callers:
            continue
        text = read_text(function.source)
        reached = [text, *(read_text(other.source) for other in reached_functions(text, index))]
        if not any(part.asks_for_caller for part in reached):
            writes = any(part.writes and not part.only_counts for part in reached)
            calls_out = any(part.calls_out for part in reached)
            if (writes or calls_out) and not _takes_capability(function):
                found.append(Unasking(function, "changes rows" if writes else "calls other services"))
            elif _gives_everything(function, text):
                found.append(Unasking(function, f"returns {function.returns}"))
    return tuple(found)


def _takes_capability(function: Function) -> bool:
    names = (argument.split()[0] for argument in function.arguments.split(",") if argument.split())
    return any(CAPABILITY.search(name.strip('"').lower()) for name in names)


def _gives_everything(function: Function, text: Text) -> bool:
    reads = not QUERIES.isdisjoint(text.words)
    rows = function.returns.lower().startswith(("setof", "table")) or function.returns in {
        "json",
        "jsonb",
        "record",
    }
    return reads and rows and not function.input_types and "limit" not in text.words
