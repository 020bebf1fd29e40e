"""A visit to a web app in a real browser: what a person sees, and what went wrong meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shipworthy.errors import ProbeError
from shipworthy.probes.jwt import read_key
from shipworthy.target.sections import WebSelectors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

WITHIN_MS = 30_000
"""How long anything on the page may take to appear; what is promised sooner is measured elsewhere."""
MOMENT_MS = 10
"""Changes of the page closer together than this were one to the eye, and may be one packet."""
NO_CONTENT = 204
ARGUMENTS = (
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
KEY = re.compile(r"sb_secret_[A-Za-z0-9_-]+|eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

WATCH = """selector => {
  window.__growth = [];
  const look = () => {
    const length = Array.from(document.querySelectorAll(selector)).at(-1)?.textContent.length ?? 0;
    const last = window.__growth.at(-1);
    if (length && length !== last?.length) window.__growth.push({ at: performance.now(), length });
  };
  new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true });
}"""
INJECT = """() => {
  const script = document.createElement("script");
  script.textContent = "window.__injected = true";
  document.head.append(script);
  return window.__injected === true;
}"""


@dataclass(slots=True)
class Troubles:
    """What a browser complained about."""

    console: list[str] = field(default_factory=list)
    """Errors on the console, violations of the content security policy among them."""
    uncaught: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """Requests that failed or were answered with 400 or above."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of signing in."""

    account: str | None
    """Who is signed in, as the page says; None where nobody is."""
    error: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as the page showed it, and as it was sent to the page."""

    text: str
    sent: str
    moments: int
    """How many moments there were at which the shown text grew."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One text that the browser loaded."""

    url: str
    text: str


class Visit:
    """One page in a browser context of its own."""

    def __init__(self, browser: Browser, url: str, selectors: WebSelectors) -> None:
        self.url, self.selectors, self.troubles = url, selectors, Troubles()
        self._responses: list[Response] = []
        self._context = browser.new_context(viewport={"width": 1280, "height": 800})
        self._context.set_default_timeout(WITHIN_MS)
        self.page: Page = self._context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.troubles.uncaught.append(str(error)))
        self.page.on("requestfailed", self._on_failed)
        self.page.on("response", self._on_response)

    def close(self) -> None:
        """End the visit; its session and storage are gone."""
        self._context.close()

    def open(self) -> None:
        """Open the app."""
        with self._looking("the page"):
            self.page.goto(self.url)

    def reload(self) -> None:
        """Load the page again, as with F5."""
        with self._looking("the page"):
            self.page.reload()

    def picture(self, path: Path) -> None:
        """Take a picture of what is seen now."""
        with self._looking("a picture"):
            self.page.screenshot(path=path)

    def sign_in(self, email: str, password: str) -> Entry:
        """Fill in the form and give what the page says afterwards."""
        with self._looking("[web.selectors] email, password, sign_in"):
            self.page.fill(self.selectors.email, email)
            self.page.fill(self.selectors.password, password)
            self.page.click(self.selectors.sign_in)
        return self.entry(self.selectors.account, self.selectors.sign_in_error)

    def is_signed_in(self) -> bool:
        """Tell whether somebody is, as far as can be seen at this moment."""
        with self._looking("the page"):
            return self._seen(self.selectors.account) is not None

    def sign_out(self) -> Entry:
        """Sign out and give who is signed in then."""
        with self._looking("[web.selectors] sign_out"):
            self.page.click(self.selectors.sign_out)
        return self.entry(self.selectors.sign_in)

    def entry(self, *expected: str) -> Entry:
        """Give who is signed in, once one of the expected elements (by default any) is seen."""
        known = (self.selectors.account, self.selectors.sign_in)
        self._appears(", ".join(expected or known))
        account, error = self.selectors.account, self.selectors.sign_in_error
        return Entry(self._seen(account), self._seen(error))

    def ask(self, question: str) -> Shown:
        """Ask in the chat and follow the answer until its stream has ended.

        Raises:
            ProbeError: the page has no such form, or no event stream was requested.

        """
        selectors = self.selectors
        with self._looking("[web.selectors] open_chat, question, send, and an event stream after it"):
            self.page.click(selectors.open_chat)
            self.page.evaluate(WATCH, selectors.answer)
            self.page.fill(selectors.question, question)
            with self.page.expect_response(_is_stream) as streamed:
                self.page.click(selectors.send)
            streamed.value.finished()
            sent = streamed_text(streamed.value.text())
        shown = self._settled(selectors.answer, sent)
        with self._looking("[web.selectors] answer"):
            growth = self.page.evaluate("() => window.__growth")
        return Shown(shown, sent, len({int(step["at"] // MOMENT_MS) for step in growth}))

    def find(self, query: str) -> tuple[str, ...]:
        """Search and give the results' texts; none where nothing appears."""
        with self._looking("[web.selectors] open_search, query, find"):
            self.page.click(self.selectors.open_search)
            self.page.fill(self.selectors.query, query)
            self.page.click(self.selectors.find)
        return self._all(self.selectors.result)

    def metrics(self) -> tuple[str, ...]:
        """Open the metrics and give the texts of what is shown; none where nothing appears."""
        with self._looking("[web.selectors] open_metrics"):
            self.page.click(self.selectors.open_metrics)
        return self._all(self.selectors.metric)

    def runs_injected_script(self) -> bool:
        """Tell whether an inline script that is put into the page runs."""
        with self._looking("the page"):
            return bool(self.page.evaluate(INJECT))

    def loaded(self) -> list[Loaded]:
        """Give every text that was loaded since the page was opened: pages, scripts, data."""
        with self._looking("the texts of loaded files"):
            return [
                Loaded(response.url, response.text()) for response in self._responses if _is_text(response)
            ]

    def _all(self, selector: str) -> tuple[str, ...]:
        return tuple(self.page.locator(selector).all_inner_texts()) if self._appears(selector) else ()

    def _settled(self, selector: str, text: str) -> str:
        """Give the last element's text, once it is the expected one or time is up."""
        from playwright.sync_api import expect

        last = self.page.locator(selector).last
        try:
            expect(last).to_have_text(text, timeout=WITHIN_MS / 6)
        except AssertionError:
            return self._seen(selector) or ""
        return text

    def _appears(self, selector: str) -> bool:
        from playwright.sync_api import TimeoutError as NotInTime

        try:
            self.page.locator(selector).filter(visible=True).first.wait_for()
        except NotInTime:
            return False
        return True

    def _seen(self, selector: str) -> str | None:
        found = self.page.locator(selector).filter(visible=True)
        return found.last.inner_text() if found.count() else None

    @contextmanager
    def _looking(self, at: str) -> Iterator[None]:
        from playwright.sync_api import Error

        try:
            yield
        except Error as error:
            said = error.message.splitlines()[0]
            raise ProbeError(f"{self.page.url}: could not get at {at} ({said})") from error

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.console.append(f"{message.text} ({message.location.get('url', '')})")

    def _on_failed(self, request: Request) -> None:
        self.troubles.requests.append(f"{request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        self._responses.append(response)
        if response.status >= 400:
            self.troubles.requests.append(f"{response.request.method} {response.url}: {response.status}")


def streamed_text(body: str) -> str:
    """Put the pieces of a streamed chat completion together."""
    text = ""
    for line in body.splitlines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            choices = json.loads(data).get("choices") or [{}]
            text += choices[0].get("delta", {}).get("content") or ""
    return text


def service_keys_in(text: str) -> set[str]:
    """Find the keys in a text that by their own claims are a server's, whichever project's they are."""
    return {key for key in KEY.findall(text) if read_key(key).role == "service_role"}


def _is_stream(response: Response) -> bool:
    return response.headers.get("content-type", "").startswith("text/event-stream")


def _is_text(response: Response) -> bool:
    kind = response.headers.get("content-type", "")
    return (
        response.ok
        and response.status != NO_CONTENT
        and any(word in kind for word in ("text/", "javascript", "json"))
    )
