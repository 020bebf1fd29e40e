"""Strings that a regular expression of Postgres lets through."""

from __future__ import annotations

import random
import re
from functools import lru_cache

import rstr

POSIX_CLASSES = {
    "[:alpha:]": "a-zA-Z", "[:digit:]": "0-9", "[:alnum:]": "a-zA-Z0-9", "[:lower:]": "a-z",
    "[:upper:]": "A-Z", "[:space:]": r"\s", "[:xdigit:]": "0-9a-fA-F", "[:word:]": r"\w",
    "[:punct:]": r"!-/:-@\[-`{-~", "[:blank:]": r" \t", "[:print:]": " -~", "[:graph:]": "!-~",
}  # fmt: skip
WORD_ENDS = {r"\m": r"\b", r"\M": r"\b", r"\y": r"\b", r"\Y": r"\B", r"\Z": "$", r"\A": "^"}
REPEATS = 12
"""What ``*`` and ``+`` come to at most: longer strings run into limits of length, and match no better."""


@lru_cache(maxsize=20_000)
def from_regex(pattern: str, seed: int) -> str | None:
    """Give a string that probably matches; None where the pattern means nothing to Python.

    Args:
        pattern: as Postgres has it: an advanced regular expression.
        seed: equal seeds give equal strings.

    """
    maker = rstr.Rstr(random.Random(seed))  # noqa: S311  a sample, no secret
    try:
        return maker.xeger(_bounded(_translated(pattern)))
    except (re.error, KeyError, IndexError, OverflowError, RecursionError, ValueError):
        return None


def from_like(pattern: str, filling: str) -> str:
    """Give a string that a LIKE pattern lets through, ``filling`` in place of each ``%``."""
    parts = re.findall(r"\\.|.", pattern, flags=re.DOTALL)
    return "".join({"%": filling, "_": "a"}.get(part, part[-1]) for part in parts)


def from_similar(pattern: str) -> str:
    """Give the regular expression that a SIMILAR TO pattern stands for."""
    parts = re.findall(r"\\.|\[[^\]]*\]|.", pattern, flags=re.DOTALL)
    return "^(?:" + "".join({"%": ".*", "_": ".", ".": r"\."}.get(part, part) for part in parts) + ")$"


def _translated(pattern: str) -> str:
    pattern = re.sub(r"^\*\*\*[:=]", "", pattern)
    for here, there in POSIX_CLASSES.items():
        pattern = pattern.replace(here, there)
    return re.sub(r"\\[mMyYZA]", lambda found: WORD_ENDS[found[0]], pattern)


def _bounded(pattern: str) -> str:
    """Replace ``*`` and ``+`` outside brackets by short repeats."""
    parts = re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", pattern, flags=re.DOTALL)
    return "".join({"*": f"{{0,{REPEATS}}}", "+": f"{{1,{REPEATS}}}"}.get(part, part) for part in parts)
