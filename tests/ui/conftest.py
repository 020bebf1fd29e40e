"""A browser, and the web app served alone: what needs other parts fails as it would without them."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from fixtures.reference.services.web import PUBLIC, Site, application
from fixtures.reference.services.web_defects import Defect
from shipworthy.probes.browser import ARGUMENTS, Visit
from shipworthy.setup import find_browser
from shipworthy.target.sections import WebSelectors
from tests.serving import serving

NOWHERE = "http://127.0.0.1:9"
CONFIG = dict.fromkeys(PUBLIC, NOWHERE) | {"SUPABASE_ANON_KEY": "the-anon-key", "ENVIRONMENT": "tests"}


@pytest.fixture
def serve():
    """Serve an ASGI application (by default the healthy web app) until the test ends."""
    with ExitStack() as servers:

        def serve_one(app=None, defect=None):
            return servers.enter_context(serving(app or application(Site(CONFIG, defect or Defect()))))

        yield serve_one


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    program = find_browser()
    assert program, "these tests need a browser: shipworthy setup"
    no_sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *no_sandbox])
        yield browser
        browser.close()


@pytest.fixture
def visiting(browser):
    """Open a page of its own; closed with the test."""
    with ExitStack() as visits:

        def visit_one(url, **selectors):
            visit = Visit(browser, url, WebSelectors(**selectors))
            visits.callback(visit.close)
            visit.open()
            return visit

        yield visit_one
