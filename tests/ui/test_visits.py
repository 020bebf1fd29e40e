from __future__ import annotations

import jwt
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from shipworthy import ProbeError
from shipworthy.probes.browser import service_keys_in, streamed_text

TROUBLED = """<!doctype html><html><body><p data-testid="account">someone</p>
<script src="/script.js"></script><img src="/missing.png"></body></html>"""
SCRIPT = """console.error("on the console"); fetch("http://127.0.0.1:9/").catch(() => {});
setTimeout(() => { throw new Error("not caught") });"""


def pages(policy=None, html=TROUBLED):
    headers = {"Content-Security-Policy": policy} if policy else {}

    async def page(_):
        return HTMLResponse(html, headers=headers)

    async def script(_):
        return PlainTextResponse(SCRIPT, media_type="text/javascript")

    async def empty(_):
        return Response(status_code=204)

    return Starlette(routes=[Route("/", page), Route("/script.js", script), Route("/favicon.ico", empty)])


@pytest.fixture
def troubled(serve, visiting):
    visit = visiting(serve(pages()))
    visit.page.wait_for_load_state("networkidle")
    return visit


def test_everything_a_browser_complains_about_is_collected(troubled):
    assert any("on the console" in text for text in troubled.troubles.console)
    assert troubled.troubles.uncaught == ["not caught"]
    assert any("missing.png: 404" in text for text in troubled.troubles.requests)
    assert any("127.0.0.1:9/: net::ERR" in text for text in troubled.troubles.requests)


def test_every_loaded_text_can_be_searched(troubled):
    loaded = {each.url.rpartition("/")[2]: each.text for each in troubled.loaded()}

    assert loaded[""] == TROUBLED
    assert loaded["script.js"] == SCRIPT


def test_a_breach_of_the_content_security_policy_is_an_error_on_the_console(serve, visiting):
    visit = visiting(serve(pages("script-src 'none'")))

    assert any("Content Security Policy" in text for text in visit.troubles.console)


@pytest.mark.parametrize(("policy", "runs"), [(None, True), ("script-src 'self'", False)])
def test_an_injected_script_runs_where_no_policy_forbids_it(serve, visiting, policy, runs):
    assert visiting(serve(pages(policy))).runs_injected_script() is runs


def test_a_missing_element_cannot_be_judged_and_its_selector_is_named(serve, visiting):
    visit = visiting(serve(pages()))
    visit.page.set_default_timeout(200)

    with pytest.raises(ProbeError, match=r"\[web.selectors\] open_search, query, find"):
        visit.find("words")


def test_a_page_that_does_not_answer_cannot_be_judged(visiting):
    with pytest.raises(ProbeError, match="could not get at the page"):
        visiting("http://127.0.0.1:9")


def test_each_visit_is_somebody_new(serve, visiting):
    url = serve(pages())
    visiting(url).page.evaluate("() => localStorage.setItem('session', 'mine')")

    assert visiting(url).page.evaluate("() => localStorage.getItem('session')") is None


def test_the_text_of_a_stream_is_put_together():
    events = (
        '{"choices":[{"delta":{"role":"assistant"}}]}',
        '{"choices":[{"delta":{"content":"Hel"}}]}',
        '{"choices":[{"delta":{"content":"lo"}}]}',
        '{"choices":[],"usage":{}}',
        "[DONE]",
    )

    assert streamed_text(": a comment\n\n" + "".join(f"data: {event}\n\n" for event in events)) == "Hello"


def test_a_service_key_is_known_by_its_claims_whosever_it_is():
    service, anon = (jwt.encode({"role": role}, "k" * 32, "HS256") for role in ("service_role", "anon"))
    new_style = "sb_secret_0123456789abcdef"

    assert service_keys_in(f"a = '{service}'; b = '{anon}'; c = `{new_style}`") == {service, new_style}
