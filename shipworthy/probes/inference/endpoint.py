"""One place where an OpenAI-compatible API is reached."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from shipworthy.probes.http import bounded_client


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """An address, the model that it promises, the key that opens it."""

    name: str
    """How findings call it: ``inference.instant``, ``gateway (instant-1)``."""
    url: str
    """Ends in ``/v1``."""
    model: str
    key: str | None = field(default=None, repr=False)
    answer_s: float = 30.0
    """Longest silence that is waited for, in seconds; a cold start has to fit in."""

    def request(self, prompt: str, *, max_tokens: int, **options: Any) -> dict[str, Any]:
        """Make the body of a chat request with one user message, at temperature 0."""
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "temperature": 0,
            **options,
        }

    def body(self, prompt: str, *, max_tokens: int, **options: Any) -> bytes:
        """Make the same as JSON."""
        return json.dumps(self.request(prompt, max_tokens=max_tokens, **options)).encode()

    def client(self, *, key: str | None = None) -> httpx.Client:
        """Open a client for this endpoint, with its own key or another one (``""``: none).

        Every request of this stage only reads, whatever its method; the client refuses nothing.
        """
        used = self.key if key is None else key
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {used}"} if used else {})
        return bounded_client(
            may_write=False,
            base_url=self.url,
            headers=headers,
            answer_s=self.answer_s,
            total_s=self.answer_s + 60,
        )
