"""Texts that carry a row's token in whatever shape a check demands."""

from __future__ import annotations

import re
import uuid
import zlib
from collections.abc import Callable, Iterator

from shipworthy.probes.postgres.access.hints import LONGEST, Hints
from shipworthy.probes.postgres.access.patterns import from_like, from_regex
from shipworthy.probes.postgres.access.scalars import Make
from shipworthy.probes.postgres.access.schema import Type

TEXTS = {"text", "varchar", "bpchar", "citext", "name", "char"}
SAMPLES_OF_A_REGEX = 12
SAMPLES_FOR_UNIQUES = 40
WORD = re.compile(r"[A-Za-z0-9]+")

CARRIERS: tuple[Callable[[str], str], ...] = (
    str, str.lower, str.upper, str.capitalize,
    lambda t: f"{t.lower()}@example.com",
    lambda t: f"https://example.com/{t}",
    lambda t: f"https://{t.lower()}.example.com",
    lambda t: f"https://example.com/{t}.png",
    lambda t: f"{t.lower()}.example.com",
    lambda t: f"/{t}", lambda t: f"@{t}", lambda t: f"a{t.lower()}", lambda t: f"{t}-1", lambda t: f"{t}_1",
    lambda t: f"{t}/{t}.png", lambda t: f"{t}.{t}", lambda t: f"{t} {t}", lambda t: f"Aa1!{t}",
    lambda t: f"+{t}",
)  # fmt: skip
"""Shapes that name, slug, mail, address and path checks let through."""
FRESH: tuple[Make, ...] = (
    lambda t, n: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{t}/{n}")),
    lambda _, n: f"{n:06d}",
    lambda _, n: f"+1555{n % 10**7:07d}",
    lambda t, n: f"{zlib.crc32(f'{t}/{n}'.encode()):08x}"[:6],
    lambda t, n: f"#{zlib.crc32(f'{t}/{n}'.encode()):08x}"[:7],
    lambda _, n: f"{1 + n % 9}.{n % 1000}.0",
)
"""Numbers, phones, colours, versions: too narrow for a token, yet different from row to row."""
PLAIN = (
    "a", "A", "1", "0", "", "en", "en-US", "US", "USD", "UTC", "Europe/Berlin", "2026-06-01", "12:00",
    "12345",
    "127.0.0.1", "text/plain", "image/png", "#aabbcc", "{}", "[]", "true", "1.0.0", "* * * * *",
    "DE89370400440532013000",
)  # fmt: skip


def texts(kind: Type, hints: Hints) -> Iterator[tuple[Make, bool]]:
    """Give ways to make texts, and of each whether every row's differs."""
    limit = _limit(kind)
    for length in (0, *_lengths(hints)):
        yield _fitted(str, length, limit), (length or limit or SHORT) >= SHORT
    for carrier in CARRIERS[1:]:
        yield _fitted(carrier, 0, limit), True
    for pattern in hints.likes:
        for carrier in CARRIERS[:3]:
            yield _fitted(_like(pattern, carrier), 0, limit), True
    for pattern in hints.regexes:
        yield from _matching(pattern, _lengths(hints))
    for make in FRESH:
        yield _cut(make, limit), not limit or limit >= SHORT
    said = (*hints.literals, *_splices(hints.literals), *PLAIN)
    yield from ((_always(text), False) for text in said if not limit or len(text) <= limit)
    for length in _lengths(hints):
        for carrier in CARRIERS[1:]:
            yield _fitted(carrier, length, limit), False


SHORT = 12
"""Below this, a token has to be cut so far that two may become equal."""


def _limit(kind: Type) -> int | None:
    if kind.base == "name":
        return 63
    if kind.base == "char":
        return 1
    return kind.sizes[0] if kind.sizes else None


def _lengths(hints: Hints) -> tuple[int, ...]:
    near = (length + step for length in hints.lengths for step in (0, 1, -1))
    return tuple(dict.fromkeys(length for length in near if 0 < length <= LONGEST))


def _fitted(carrier: Callable[[str], str], length: int, limit: int | None) -> Make:
    """Stretch or cut what the carrier makes to ``length`` (0: as it comes), and cut it to ``limit``."""

    def make(token: str, number: int) -> str:
        text = carrier(token)
        if length:
            text = (
                (text * (length // max(len(text), 1) + 1))[:length] if len(text) < length else text[-length:]
            )
        if limit and len(text) > limit:
            # The end of a token differs most; what is too short for that is counted.
            return (
                text[-limit:] if limit >= SHORT // 2 else carrier(_count(number).rjust(limit, "a"))[-limit:]
            )
        return text

    return make


def _cut(make: Make, limit: int | None) -> Make:
    """Keep to the limit: a cast cuts what is too long for its type, an insert refuses it."""
    return (lambda token, number: str(make(token, number))[-limit:]) if limit else make


def _count(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, rest = divmod(number, len(digits))
        text = digits[rest] + text
    return text


def _matching(pattern: str, lengths: tuple[int, ...]) -> Iterator[tuple[Make, bool]]:
    """Give texts for a regular expression: first with the token in place of some word of a match."""
    for seed in range(SAMPLES_OF_A_REGEX):
        sample = from_regex(pattern, seed)
        if sample is None:
            return
        for found in reversed(list(WORD.finditer(sample))[:6]):
            for carrier in CARRIERS[:3]:
                yield _spliced(sample, found.start(), found.end(), carrier), True
        for length in lengths:
            if len(sample) < length:
                yield _always(sample + sample[-1:] * (length - len(sample))), False
            else:
                yield _always(sample[:length]), False
    yield (lambda _token, number: from_regex(pattern, number)), True
    yield from ((_sample(pattern, seed), False) for seed in range(SAMPLES_FOR_UNIQUES))


def _sample(pattern: str, seed: int) -> Make:
    return lambda _token, _number: from_regex(pattern, seed)


def _like(pattern: str, carrier: Callable[[str], str]) -> Callable[[str], str]:
    return lambda token: from_like(pattern, carrier(token))


def _spliced(sample: str, start: int, end: int, carrier: Callable[[str], str]) -> Make:
    return lambda token, _number: sample[:start] + carrier(token) + sample[end:]


def _splices(literals: list[str]) -> Iterator[str]:
    """Give what functions like split_part and strpos might look for: a literal amid letters."""
    yield from (f"a{text}a" for text in literals if 0 < len(text) <= 3)


def _always(text: str) -> Make:
    return lambda _token, _number: text
