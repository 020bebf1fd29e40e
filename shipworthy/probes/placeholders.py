"""Telling a value that somebody forgot to fill in from a real one."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from shipworthy.probes.jwt import read_key

WORDS = r"([a-z]{3,}([-_ ][a-z]{2,})*|[A-Z]{3,}([-_ ][A-Z]{2,})*)"
PATTERNS = {
    "it is a blank in brackets": re.compile(
        rf"^(<{WORDS}>|\[{WORDS}\]|\{{\{{? ?{WORDS} ?\}}\}}?|\$\{{?{WORDS}\}}?)$"
    ),
    "it has a blank in it": re.compile(
        r"<[a-z]+([-_ ][a-z]{2,})+>|\[[a-z]+([-_ ][a-z]{2,})+\]|\[[A-Z]+([-_ ][A-Z]{2,})+\]"
    ),
    "it says 'your …'": re.compile(r"(^|[^a-z0-9])your[-_ ][a-z]{2,}", re.IGNORECASE),
    "it asks to be replaced": re.compile(
        r"(^|[^a-z0-9])(change|replace|insert|fill|put)[-_ ]?(me|this|in|it|here)([^a-z0-9]|$)", re.IGNORECASE
    ),
    "it ends in dots": re.compile(r"(^|[/:=_-]|^eyJ\w*)(\.\.\.|…)$"),
    "it is crossed out": re.compile(r"(^|[-_:/@=])x{4,}$|^x{3,}$|^\*{3,}$", re.IGNORECASE),
    "it calls itself a placeholder": re.compile(r"(^|[^a-z0-9])placeholder([^a-z0-9]|$)", re.IGNORECASE),
    "it is a word, not a value": re.compile(
        r"^(todo|tbd|fixme|none|null|undefined|nil|n/a|dummy|example|sample|secret|password|passwd|token|key|test"
        r"|api[-_]?key|foo|bar|asdf|1234(5(6(78?9?0?)?)?)?)$",
        re.IGNORECASE,
    ),
    "it is a published example": re.compile(
        r"^super-secret-jwt-token-with-at-least-32-characters-long$|^AKIAIOSFODNN7EXAMPLE$|EXAMPLEKEY$"
    ),
}
PUBLISHED_ISSUER = "supabase-demo"
"""Issuer of the keys that every local Supabase stack of the world shares."""


def placeholder_in(value: str) -> str | None:
    """Say why a value is a placeholder; None: it is not.

    Exact by design: every rule needs words with separators around them, or the whole value, so
    that random keys of any common alphabet pass.
    """
    for part in _parts(value):
        for reason, pattern in PATTERNS.items():
            if pattern.search(part):
                return reason
    if read_key(value).issuer == PUBLISHED_ISSUER:
        return "it is a key that every local Supabase stack shares"
    return None


def _parts(value: str) -> list[str]:
    """Give what is to be judged: the value, and of a URL its password too."""
    stripped = value.strip()
    if "://" not in stripped:
        return [stripped]
    try:
        password = urlsplit(stripped).password
    except ValueError:  # "[YOUR-PASSWORD]" reads like a broken IPv6 address
        password = None
    return [stripped, *([unquote(password)] if password else [])]
