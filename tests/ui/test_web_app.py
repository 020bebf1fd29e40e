from __future__ import annotations

import httpx
import pytest

from fixtures.reference.services.web import APP
from fixtures.reference.services.web_defects import DEFECTS


def get(url, path="/"):
    return httpx.get(f"{url}{path}", trust_env=False)


def test_every_file_of_the_app_is_served_as_what_it_is(serve):
    url = serve()
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

    for path in APP.iterdir():
        answer = get(url, f"/{path.name}")
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"].startswith(kinds[path.suffix])


@pytest.mark.parametrize(
    "path", ["/../web.py", "/%2e%2e/web.py", "/..%2fmodel.py", "/missing.js", "//etc/passwd"]
)
def test_nothing_but_the_app_is_served(serve, path):
    assert get(serve(), path).status_code == 404


def test_the_browser_is_told_public_settings_only(serve, monkeypatch):
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "not-for-browsers")

    config = get(serve(), "/config.json").json()

    assert set(config) == {
        "SUPABASE_URL", "GATEWAY_URL", "SEARCH_URL", "FUNCTIONS_URL", "SUPABASE_ANON_KEY", "ENVIRONMENT",
    }  # fmt: skip


def test_every_answer_carries_the_protecting_headers(serve):
    url = serve()

    for path in ("/", "/app.js", "/config.json", "/missing"):
        headers = get(url, path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", DEFECTS)
def test_every_planted_fault_still_fits_the_app(serve, name):
    url = serve(defect=DEFECTS[name])

    different = [
        path.name for path in APP.iterdir() if get(url, f"/{path.name}").content != path.read_bytes()
    ]

    assert different == list(DEFECTS[name].edits)


def test_without_a_session_the_sign_in_form_is_shown_and_nothing_goes_wrong(serve, visiting):
    visit = visiting(serve())

    assert visit.entry().account is None
    assert not visit.troubles.console
    assert not visit.troubles.uncaught
    assert not visit.troubles.requests


def test_a_part_that_does_not_answer_is_told_to_who_signs_in(serve, visiting):
    visit = visiting(serve())

    entry = visit.sign_in("someone@example.com", "a password")

    assert entry.account is None
    assert entry.error
