"""What the Supabase API hands out to whoever holds a key."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import httpx

from shipworthy.errors import ProbeError

REFUSALS = frozenset({400, 401, 403, 404, 405, 406})
"""Answers that say "not for you": by rights, or by not knowing the thing at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller got."""

    rows: int
    """Rows, names or bytes that came."""
    saw: str

    @property
    def anything(self) -> bool:
        """Whether the caller got at anything."""
        return self.rows > 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone with an API key."""

    http: httpx.Client
    url: str
    key: str

    def read_table(self, table: str) -> Answer:
        """Ask the Data API for one row of a table, given as ``schema.table``."""
        schema, _, name = table.rpartition(".")
        response = self._ask(
            "GET",
            f"/rest/v1/{quote(name.strip(chr(34)), safe='')}",
            params={"select": "*", "limit": "1"},
            headers={"accept-profile": schema.strip('"')},
        )
        if response.status_code != 200:
            return Answer(0, _words(response))
        rows = response.json()
        return Answer(len(rows), f"200 with {len(rows)} row{'s'[: len(rows) != 1]}")

    def list_objects(self, bucket: str, folder: str) -> Answer:
        """Ask Storage which objects a folder of a bucket holds."""
        response = self._ask(
            "POST",
            f"/storage/v1/object/list/{quote(bucket, safe='')}",
            json={"prefix": folder, "limit": 100},
            extensions={"reads": True},
        )
        names = [entry["name"] for entry in response.json()] if response.status_code == 200 else []
        return Answer(len(names), _words(response) if not names else f"200 with {', '.join(names[:3])}")

    def read_object(self, bucket: str, path: str, *, public: bool) -> Answer:
        """Ask Storage for an object, by its public or its authenticated address."""
        kind = "public/" if public else ""
        address = f"/storage/v1/object/{kind}{quote(bucket, safe='')}/{quote(path)}"
        response = self._ask("GET", address)
        if response.status_code != 200:
            return Answer(0, _words(response))
        return Answer(len(response.content), f"200 with {len(response.content)} bytes")

    def put_object(self, bucket: str, path: str, content: bytes) -> Answer:
        """Upload an object."""
        address = f"/storage/v1/object/{quote(bucket, safe='')}/{quote(path)}"
        response = self._ask("POST", address, content=content, headers={"content-type": "text/plain"})
        return Answer(len(content) if response.is_success else 0, _words(response))

    def _ask(self, method: str, path: str, **options: object) -> httpx.Response:
        headers = {"apikey": self.key, "authorization": f"Bearer {self.key}"}
        given = options.pop("headers", {})
        assert isinstance(given, dict)
        response = self.http.request(method, self.url + path, headers=headers | given, **options)  # type: ignore[arg-type]
        if not response.is_success and response.status_code not in REFUSALS:
            raise ProbeError(f"{method} {self.url}{path}: {_words(response)}")
        return response


def _words(response: httpx.Response) -> str:
    return f"{response.status_code} {' '.join(response.text.split())[:200]}".strip()
