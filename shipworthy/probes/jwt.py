"""What an API key says about itself, read without its signing secret."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["jwt", "publishable", "secret", "opaque"]

ROLE_OF_KIND = {"publishable": "anon", "secret": "service_role"}
PREFIXES: dict[str, Kind] = {"sb_publishable_": "publishable", "sb_secret_": "secret"}


@dataclass(frozen=True, slots=True)
class KeyClaims:
    """What one Supabase API key claims: as a JWT by its payload, as a new-style key by its prefix."""

    kind: Kind
    role: str | None = None
    """``anon`` or ``service_role``; None where the key does not say."""
    ref: str | None = None
    """The project that the key was made for; new-style keys do not carry one."""
    issuer: str | None = None
    expires: dt.datetime | None = None

    def days_left(self, now: dt.datetime) -> float | None:
        """Give the days until the key expires, negative once it has; None: it does not expire."""
        return None if self.expires is None else (self.expires - now) / dt.timedelta(days=1)


def read_key(key: str) -> KeyClaims:
    """Read the claims of an API key; nothing is verified, for that the API has to be asked."""
    for prefix, kind in PREFIXES.items():
        if key.startswith(prefix):
            return KeyClaims(kind, role=ROLE_OF_KIND[kind])
    payload = _payload(key)
    if payload is None:
        return KeyClaims("opaque")
    expires = payload.get("exp")
    return KeyClaims(
        "jwt",
        role=_text(payload.get("role")),
        ref=_text(payload.get("ref")),
        issuer=_text(payload.get("iss")),
        expires=dt.datetime.fromtimestamp(expires, dt.UTC) if isinstance(expires, (int, float)) else None,
    )


def tampered(key: str) -> str:
    """Change one character in the middle of the key's last part: well formed still, but never issued."""
    start = max(key.rfind("."), key.rfind("_")) + 1
    place = (start + len(key)) // 2
    return key[:place] + ("A" if key[place] != "A" else "B") + key[place + 1 :]


def _payload(key: str) -> dict[str, Any] | None:
    import jwt

    try:
        payload: dict[str, Any] = jwt.decode(key, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    return payload


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
