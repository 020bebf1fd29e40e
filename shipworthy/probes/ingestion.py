"""What an ingestion service does: with notifications, with documents, with questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from shipworthy.errors import ProbeError

READS = {"reads": True}
PAUSE_S = 0.1
REMOVED_WITHIN_S = 10.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the gate's own; ``phrase`` stands in it and nowhere else."""

    id: str
    title: str
    text: str
    phrase: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search."""

    title: str
    content: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Stored:
    """The rows that Supabase holds of one document: usually one document row, and its chunks."""

    documents: tuple[dict[str, Any], ...]
    chunks: tuple[dict[str, Any], ...]

    @property
    def text(self) -> str:
        """All chunks, in no particular order."""
        return "\n".join(chunk["content"] for chunk in self.chunks)


def until(observe: Callable[[], T], satisfied: Callable[[T], bool], within_s: float) -> tuple[T, float]:
    """Observe again and again until it satisfies or time is up.

    Returns:
        What was seen last, and the seconds from the call to the start of that observation.

    """
    start = time.monotonic()
    while True:
        asked_s = time.monotonic() - start
        seen = observe()
        if satisfied(seen) or time.monotonic() - start >= within_s:
            return seen, asked_s
        time.sleep(PAUSE_S)


class WatchedFolder:
    """The Drive folder that the service watches, as far as the gate may change it."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client, self._url = client, url

    def put(self, document: Document) -> None:
        """Bring a document in, or another content for it.

        Raises:
            ProbeError: the folder did not take it.

        """
        answer = self._client.put(
            f"{self._url}/{document.id}",
            params={"name": document.title},
            content=document.text.encode(),
            headers={"Content-Type": "text/markdown"},
        )
        _expect_success(answer, "ingestion.drive_files must take PUT {id}")

    def remove(self, document_id: str) -> None:
        """Take a document out; raises ``ProbeError`` where that is refused."""
        answer = self._client.delete(f"{self._url}/{document_id}")
        if answer.status_code != httpx.codes.NOT_FOUND:
            _expect_success(answer, "ingestion.drive_files must take DELETE {id}")


class Webhook:
    """The address that Google notifies.

    ``sample`` holds the headers of a recorded notification, with ``{channel_id}``,
    ``{channel_token}`` and ``{message_number}`` where those stand.
    """

    def __init__(
        self, client: httpx.Client, url: str, sample: Mapping[str, str], channel_id: str, token: str
    ) -> None:
        self._client, self._url, self._sample = client, url, sample
        self.channel_id, self.token = channel_id, token

    def new_number(self) -> int:
        """Give a message number above all earlier ones: Google's only ever rise, with gaps."""
        return time.time_ns() // 1000

    def notify(
        self,
        *,
        number: int | None = None,
        token: str | None = "",
        channel_id: str | None = None,
        body: bytes = b"",
    ) -> httpx.Response:
        """Say that something changed.

        Args:
            number: message number; a new one where None.
            token: channel token; the right one where empty, no such header where None.
            channel_id: the target's own channel where None.
            body: sent with it; Google sends none.

        """
        values = {
            "channel_id": channel_id or self.channel_id,
            "channel_token": token or self.token,
            "message_number": number or self.new_number(),
        }
        headers = {name: value.format(**values) for name, value in self._sample.items()}
        if token is None:
            del headers["X-Goog-Channel-Token"]
        if body:  # who refuses a body early closes the connection: the next request must not be given it
            headers["Connection"] = "close"
        return self._client.post(self._url, headers=headers, content=body)


class SearchEndpoint:
    """The address that answers questions with passages."""

    def __init__(self, client: httpx.Client, url: str, token: str | None) -> None:
        self._client, self._url, self._token = client, url, token

    def ask(self, query: str, token: str | None = "") -> httpx.Response:
        """Send a question; ``token`` as in ``Webhook.notify``."""
        bearer = self._token if token == "" else token
        return self._client.post(
            self._url,
            json={"query": query, "limit": 5},
            headers={"Authorization": f"Bearer {bearer}"} if bearer else {},
            extensions=READS,
        )

    def find(self, query: str) -> tuple[Hit, ...]:
        """Give the results of a search, best first.

        Raises:
            ProbeError: it was not answered, or not with results.

        """
        answer = self.ask(query)
        _expect_success(answer, "ingestion.search must answer with ingestion.search_token")
        try:
            hits = answer.json()["results"]
            return tuple(Hit(hit["title"], hit["content"], float(hit["similarity"])) for hit in hits)
        except (ValueError, KeyError, TypeError) as error:
            raise ProbeError(
                f"{self._url} answered {answer.text[:200]!r}; want "
                '{"results": [{"title": …, "content": …, "similarity": …}]}'
            ) from error


class Rows:
    """What ingestion left in Supabase, read through the Data API with the service key."""

    def __init__(self, client: httpx.Client, url: str, key: str, documents: str, chunks: str) -> None:
        self._client, self._url = client, f"{url}/rest/v1"
        self._headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        self._documents, self._chunks = documents, chunks

    def of(self, title: str) -> Stored:
        """Give the rows of a document, found by its title: whatever key they have, they are all seen."""
        documents = self._get(self._documents, title=f"eq.{title}", select="*")
        if not documents:
            return Stored((), ())
        ids = ",".join(row["id"] for row in documents)
        return Stored(tuple(documents), tuple(self._get(self._chunks, document_id=f"in.({ids})", select="*")))

    def remove(self, title: str) -> None:
        """Delete the rows of a document, also those that work still under way adds.

        Raises:
            ProbeError: one is left.

        """
        left, _ = until(lambda: self._delete(title), lambda left: not left, REMOVED_WITHIN_S)
        if left:
            raise ProbeError(f"{left} rows of {title} are still in {self._documents} after they were deleted")

    def _delete(self, title: str) -> int:
        table = f"{self._url}/{self._documents}"
        answer = self._client.delete(table, params={"title": f"eq.{title}"}, headers=self._headers)
        _expect_success(answer, "the service key must be able to delete documents")
        return len(self.of(title).documents)

    def _get(self, table: str, **params: str) -> list[dict[str, Any]]:
        answer = self._client.get(f"{self._url}/{table}", params=params, headers=self._headers)
        _expect_success(answer, f"the service key must be able to read {table}")
        rows: list[dict[str, Any]] = answer.json()
        return rows


def _expect_success(answer: httpx.Response, want: str) -> None:
    if not answer.is_success:
        request = answer.request
        raise ProbeError(
            f"{request.method} {request.url.copy_with(query=None)} answered {answer.status_code} "
            f"{answer.text[:200]!r}; {want}"
        )
