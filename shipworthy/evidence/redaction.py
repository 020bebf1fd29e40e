"""Secrets leave no trace in evidence: replaced where text is written, searched for before sealing."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import gzip
import html
import json
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import BaseModel

JWT = r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}"
"""Tokens of sessions made during a run are nobody's registered secret, and secret all the same."""


class Redactor:
    """Replaces every registered secret, in every spelling it is likely to meet, by ``[redacted:NAME]``.

    Args:
        secrets: the values that must not be stored.
        variables: names and values of the environment; a secret is named after the variable
            that holds it. A secret of no variable is ``[redacted:secret]``: a digest in its
            place would let a reader confirm a guess.

    """

    def __init__(self, secrets: Iterable[str], variables: Mapping[str, str] | None = None) -> None:
        names = {value: name for name, value in sorted((variables or {}).items(), reverse=True)}
        self._marks: dict[str, str] = {}
        for secret in _longest_first(secrets):
            for spelling in spellings(secret):
                self._marks.setdefault(spelling, f"[redacted:{names.get(secret, 'secret')}]")
        self._spellings = _longest_first(self._marks)

    def redact(self, text: str) -> str:
        """Give the text without any secret; text without one comes back as it is."""
        pattern = self._pattern_for(text)
        if pattern is None:
            return text
        clean = pattern.sub(lambda match: self._marks.get(match[0], "[redacted:JWT]"), text)
        while pattern := self._pattern_for(clean):  # a mark can complete another secret
            clean = pattern.sub("", clean)
        return clean

    def _pattern_for(self, text: str) -> re.Pattern[str] | None:
        """Give a pattern of what stands in this text: plain search is many times faster than one of all."""
        present = [re.escape(spelling) for spelling in self._spellings if spelling in text]
        if "eyJ" in text and re.search(JWT, text):
            present.append(JWT)
        return re.compile("|".join(present)) if present else None

    def redact_json(self, node: Any) -> Any:
        """Give the value as plain JSON types, every key and text redacted.

        Dataclasses and models become objects, sets sorted lists, anything else its text.
        """
        plain = _plain(node)
        if isinstance(plain, dict):
            return {self.redact(str(key)): self.redact_json(value) for key, value in plain.items()}
        if isinstance(plain, list):
            return [self.redact_json(item) for item in plain]
        if plain is None or isinstance(plain, bool):
            return plain
        text = str(plain)
        clean = self.redact(text)
        return plain if clean == text else clean


@dataclasses.dataclass(frozen=True, slots=True)
class Leak:
    """A registered secret that stands in a file; the secret itself is not repeated here."""

    path: str
    """Relative to the searched folder; a member of an archive as ``trace.zip!network.json``."""
    offset: int
    """Bytes from the start of the file or member."""

    def __str__(self) -> str:
        return f"{self.path}: a secret at byte {self.offset}"


def clean(folder: Path, redactor: Redactor) -> list[Path]:
    """Redact every text file under a folder in place, and give those that were changed."""
    changed = []
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() or not file.is_file():
            continue
        try:
            text = file.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        if (redacted := redactor.redact(text)) != text:
            file.write_bytes(redacted.encode())
            changed.append(file)
    return changed


def search(folder: Path, secrets: Iterable[str]) -> list[Leak]:
    """Look for the secrets in every file under a folder, binary files and archives included."""
    forms = {form for secret in secrets if secret for form in spellings(secret)}
    known = [form.encode(errors="surrogatepass") for form in forms]
    return [
        Leak(name, offset)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.is_symlink()
        for name, content in _contents(file, file.relative_to(folder).as_posix())
        for offset in sorted({content.find(spelling) for spelling in known} - {-1})
    ]


def spellings(secret: str) -> set[str]:
    """Give the forms in which a secret is met: as is, in JSON, URLs, HTML, ``repr`` and Base64.

    A JSON web token is as good as its signature, so that counts as a form of it.
    """
    found = {secret, repr(secret)[1:-1], html.escape(secret), html.escape(secret, quote=False)}
    found.add(
        secret.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&#34;")
        .replace("'", "&#39;")
    )
    for escape in (quote_plus(secret), quote(secret), quote(secret, safe="")):
        found |= {escape, re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), escape)}
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        found |= {once, once.replace("/", r"\/"), json.dumps(once, ensure_ascii=ascii_only)[1:-1]}
    found |= set(_base64_spellings(secret.encode(errors="surrogatepass")))
    if re.fullmatch(JWT, secret):
        found.add(secret.rpartition(".")[2])
    return found


def _base64_spellings(secret: bytes) -> Iterator[str]:
    """Give the characters that are the secret's alone, wherever it stands in the encoded text."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret).decode()
        for before in range(3):
            shared = -(-before * 8 // 6)
            whole = (before + len(secret)) * 8 // 6
            spelling = encode(bytes(before) + secret).decode()[shared:whole]
            if len(spelling) >= len(secret):
                yield spelling


def _contents(file: Path, name: str) -> Iterator[tuple[str, bytes]]:
    content = file.read_bytes()
    yield name, content
    if content[:2] == b"\x1f\x8b":
        try:
            yield f"{name}!", gzip.decompress(content)
        except (OSError, EOFError, binascii.Error):
            return
    elif zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                yield f"{name}!{member}", archive.read(member)


def _plain(node: Any) -> dict[Any, Any] | list[Any] | str | float | bool | None:
    """Give the outermost layer of a value in JSON's types."""
    if isinstance(node, BaseModel):
        return node.model_dump(mode="json")
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        return {field.name: getattr(node, field.name) for field in dataclasses.fields(node)}
    if isinstance(node, Mapping):
        return dict(node)
    if isinstance(node, (list, tuple, set, frozenset)):
        return sorted(node, key=str) if isinstance(node, (set, frozenset)) else list(node)
    if (
        node is None
        or isinstance(node, (bool, int, str))
        or (isinstance(node, float) and math.isfinite(node))
    ):
        return node
    return str(node)


def _longest_first(texts: Iterable[str]) -> list[str]:
    return sorted({text for text in texts if text}, key=lambda text: (-len(text), text))
