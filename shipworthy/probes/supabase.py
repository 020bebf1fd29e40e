"""The official Supabase client on a bounded connection, and what it answers as facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx

from shipworthy.errors import ProbeError

if TYPE_CHECKING:
    from supabase import Client

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API said no: its code, its words."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """What became of one call: an answer or a refusal."""

    answer: T | None = None
    refusal: Refusal | None = None

    def must(self, what: str) -> T:
        """Give the answer.

        Raises:
            ProbeError: it was refused; ``what`` says what was being done.

        """
        if self.refusal or self.answer is None:
            raise ProbeError(f"{what}: {self.refusal or 'no answer'}")
        return self.answer


def connect(url: str, key: str, http: httpx.Client) -> Client:
    """Make an official client with a session of its own over a shared connection pool."""
    from supabase import ClientOptions, create_client

    options = ClientOptions(httpx_client=http, auto_refresh_token=False, postgrest_client_retry=False)
    return create_client(url, key, options)


def ask(call: Callable[[], T]) -> Asked[T]:
    """Make one call of the official client.

    An answer that the client cannot read is a refusal with the code ``unreadable``.

    Raises:
        ProbeError: there was no answer at all.

    """
    from postgrest.exceptions import APIError
    from pydantic import ValidationError
    from storage3.exceptions import StorageApiError
    from supabase_auth.errors import AuthApiError, AuthError

    try:
        return Asked(answer=call())
    except APIError as error:
        return _refused(error.code, error.message)
    except (StorageApiError, AuthApiError) as error:
        return _refused(error.code, error.message)
    except AuthError as error:
        raise ProbeError(f"Auth did not answer: {error}") from error
    except (ValidationError, ValueError) as error:
        return _refused("unreadable", " ".join(str(error).split())[:300])


def _refused(code: object, message: object) -> Asked[Any]:
    return Asked(refusal=Refusal(str(code or "none"), str(message or "no message")))
