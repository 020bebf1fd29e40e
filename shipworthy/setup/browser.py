"""A Chromium for the UI stage: Playwright's own, else an installed one, else Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from shipworthy.setup.cache import cache_folder

DOWNLOAD_S = 300.0
"""Playwright's download; where its host cannot be reached it gives up within seconds."""
PACKAGE_S = 400.0
ANSWER_S = 30.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
APPLICATIONS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)
WHERE_PLAYWRIGHT_PUTS_IT = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
)
Say = Callable[[str], None]


def find_browser() -> Path | None:
    """Give a Chromium or Chrome that is on this machine: the one set up, else an installed one."""
    note = _note()
    remembered = Path(note.read_text(encoding="utf-8").strip()) if note.is_file() else None
    if remembered and remembered.is_file():
        return remembered
    return next(_installed(), None)


def set_up_browser(say: Say) -> bool:
    """Find or fetch a browser and remember where it is; tell whether there is one."""
    for describe, candidate in (
        ("set up already", _remembered),
        ("Playwright's own", _downloaded),
        ("installed", lambda _: next(_installed(), None)),
        ("Debian's package", _packaged),
    ):
        path = candidate(say)
        version = _version(path) if path else None
        if path and version:
            _note().parent.mkdir(parents=True, exist_ok=True)
            _note().write_text(f"{path}\n", encoding="utf-8")
            say(f"browser: {version} at {path} ({describe})")
            return True
    say("browser: none; the UI stage will be unverified. Install Chromium or Chrome, then: shipworthy setup")
    return False


def _note() -> Path:
    return cache_folder() / "browser"


def _remembered(_: Say) -> Path | None:
    return find_browser() if _note().is_file() else None


def _downloaded(say: Say) -> Path | None:
    say("browser: trying Playwright's download ...")
    failure = _run([sys.executable, "-m", "playwright", "install", "chromium"], DOWNLOAD_S)
    if failure:
        say(f"browser: {failure}")
        return None
    asked = subprocess.run(
        [sys.executable, "-c", WHERE_PLAYWRIGHT_PUTS_IT], capture_output=True, text=True, check=False
    )
    return Path(asked.stdout.strip()) if asked.stdout.strip() else None


def _installed() -> Iterator[Path]:
    yield from (Path(found) for name in NAMES if (found := shutil.which(name)))
    yield from (path for path in APPLICATIONS if path.is_file())


def _packaged(say: Say) -> Path | None:
    apt = shutil.which("apt-get")
    if not apt or os.geteuid() != 0:
        return None
    say("browser: installing the chromium package (apt-get) ...")
    steps = ([apt, "update", "-q"], [apt, "install", "-q", "-y", "--no-install-recommends", "chromium"])
    for step in steps:
        failure = _run(step, PACKAGE_S)
        if failure:
            say(f"browser: {failure}")
    return next(_installed(), None)


def _run(command: list[str], limit_s: float) -> str | None:
    """Run an installer; give None, or the line that says best why it failed."""
    patience = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **patience},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{Path(command[0]).name}: {error}"
    if not done.returncode:
        return None
    errors = [line for line in done.stdout.splitlines() if line.startswith(("Error:", "E:"))]
    return errors[0] if errors else f"{Path(command[0]).name} ended with {done.returncode}"


def _version(browser: Path) -> str | None:
    """Run the browser once: a download without the libraries that it needs does not answer."""
    try:
        done = subprocess.run(
            [browser, "--version"], capture_output=True, text=True, timeout=ANSWER_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
