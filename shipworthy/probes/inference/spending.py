"""What a provider says may be spent at most."""

from __future__ import annotations

import json
from typing import Any

from shipworthy.errors import ProbeError
from shipworthy.probes.http import bounded_client


def spending_cap(url: str, field: str, key: str | None = None) -> Any:
    """Read the cap from where the target says it can be read; None where it is not set.

    Args:
        url: answers JSON.
        field: dotted path to the cap in it; a whole number is a place in a list.
        key: sent as a bearer token.

    Raises:
        ProbeError: no answer, no success, or no JSON.

    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with bounded_client(may_write=False, headers=headers) as client:
        answer = client.get(url)
    if not answer.is_success:
        raise ProbeError(f"{url}: HTTP {answer.status_code} {answer.text[:120]!r}; see `spending.key`")
    try:
        here = json.loads(answer.content)
    except ValueError as error:
        raise ProbeError(f"{url} gave no JSON: {error}") from error
    for step in field.split("."):
        if isinstance(here, list) and step.isdecimal():
            here = here[int(step)] if int(step) < len(here) else None
        else:
            here = here.get(step) if isinstance(here, dict) else None
    return here
