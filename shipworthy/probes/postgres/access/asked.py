"""What the body of a function expects of an argument, as far as it tells: words, keys of documents."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

WORDS = r"\(?\s*((?:'(?:[^']|'')*'(?:::[\w.]+)?\s*,?\s*)+)"
LISTED = r"jsonb?_(?:array_elements(?:_text)?|to_recordset|array_length)\s*\(\s*"
KEY = re.compile(r"->>?\s*'([^']+)'")


def words(source: str, name: str) -> list[str]:
    """Give the literals that a body compares a parameter with, in their order."""
    compared = rf"\b{re.escape(name)}\b(?:::\w+)?\s*(?:=|<>|!=|(?:not\s+)?in\b)\s*{WORDS}" if name else "(?!)"
    found = (text for listed in re.findall(compared, source, re.IGNORECASE) for text in _literals(listed))
    return list(dict.fromkeys(found))


def document(source: str, name: str, value: Callable[[str], str]) -> str:
    """Write a JSON document with the keys that a body takes out of it; a list where it goes through one.

    Args:
        source: the body.
        name: of the parameter.
        value: gives what stands under a key.

    """
    plain = re.escape(name)
    listed = re.search(rf"{LISTED}{plain}\b", source, re.IGNORECASE) if name else None
    own = re.findall(rf"\b{plain}\b\s*->>?\s*'([^']+)'", source) if name else []
    keys = KEY.findall(source) if listed else own
    content = {key: value(key) for key in dict.fromkeys(keys)}
    return json.dumps([content] if listed else content)


def _literals(listed: str) -> list[str]:
    return [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", listed)]
