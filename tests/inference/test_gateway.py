"""What the reference gateway promises: doors, rate, passing on."""

from __future__ import annotations

import time

import jwt
import pytest

from fixtures.reference.services.api_errors import ApiError
from fixtures.reference.services.gateway.app import make_app
from fixtures.reference.services.gateway.faults import FAULTS
from fixtures.reference.services.gateway.settings import Settings
from fixtures.reference.services.gateway.users import RateLimit, caller, verified_claims
from shipworthy.probes.inference import ChatEndpoint, ask, chat, stream_chat
from shipworthy.probes.inference.abandoned import leave_streams
from tests.inference.conftest import KEY
from tests.serving import serving

SECRET = "the secret of the project, long enough for HS256"
NOBODY = "http://127.0.0.1:9"
SETTINGS = Settings(
    port=0,
    supabase_url=NOBODY,
    supabase_anon_key="anon",
    jwt_secret=SECRET,
    instant_url=f"{NOBODY}/v1",
    instant_model="instant-1",
    thinking_url=f"{NOBODY}/v1",
    thinking_model="thinking-1",
    openai_api_key=KEY,
    web_origin="http://web.example",
)


def token(secret: str = SECRET, **claims: object) -> str:
    user = {"sub": "alice", "role": "authenticated", "aud": "authenticated", "exp": time.time() + 60}
    return jwt.encode({k: v for k, v in (user | claims).items() if v is not None}, secret)


@pytest.fixture
def through(start):
    """The endpoint ``instant`` behind a gateway, for a signed-in user."""
    upstream = start()
    settings = SETTINGS.model_copy(update={"instant_url": upstream.url})
    with serving(make_app(settings)) as url:
        yield ChatEndpoint("gateway (instant-1)", f"{url}/v1", "instant-1", token())


def test_answers_come_through_unchanged(start, through):
    direct = start()
    texts = []
    for endpoint in (direct, through):
        with endpoint.client() as client:
            request = endpoint.request("Ships?", max_tokens=20)
            texts += [
                stream_chat(client, request).text,
                chat(client, request).completion.choices[0].message.content,
            ]
    assert len(set(texts)) == 1


@pytest.mark.parametrize("fault", [None, "goes_on_for_nobody"])
def test_a_caller_who_leaves_ends_the_request_behind_the_gateway(start, fault: str | None):
    upstream = start(slots=1, ttft_ms=5, gap_ms=10)
    settings = SETTINGS.model_copy(update={"instant_url": upstream.url})
    with serving(make_app(settings, FAULTS[fault] if fault else None)) as url:
        left = leave_streams(ChatEndpoint("gateway", f"{url}/v1", "instant-1", token()), 2, 1, patience_s=30)
    whole_answer_s = 200 * 0.010
    assert left.trouble is None
    if fault:  # the second stream begins when the whole answer to the first is made
        assert left.left_s > whole_answer_s


def test_errors_of_an_endpoint_come_through(through):
    with through.client() as client:
        answer = ask(client, "POST", "chat/completions", b'{"model": "instant-1"}')
    assert answer.status == 400
    assert "messages" in answer.json()["error"]["message"]


def test_a_lost_endpoint_is_named_and_not_hidden(through):
    with through.client() as client:
        answer = chat(client, {"model": "thinking-1", "messages": []})
        health = ask(client, "GET", f"{through.url.removesuffix('/v1')}/healthz")
    assert answer.status == 502
    assert health.status == 503
    states = health.json()["dependencies"]
    assert states["instant"] == "up"
    assert states["thinking"].startswith("down")
    assert states["supabase"].startswith("down")


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda: "", 401),
        (lambda: "Basic abc", 401),
        (lambda: "Bearer ", 401),
        (lambda: "Bearer nonsense", 401),
        (lambda: f"Bearer {token('the secret of another project, also long')}", 401),
        (lambda: f"Bearer {token(exp=1)}", 401),
        (lambda: f"Bearer {token(exp=None)}", 401),
        (lambda: f"Bearer {token(aud='another')}", 401),
        (lambda: f"Bearer {token(role='anon')}", 403),
        (lambda: f"Bearer {token(role='service_role')}", 403),
    ],
)
def test_only_tokens_of_signed_in_users_open(make, status: int):
    sent = make()  # now: a token made when the tests were collected may have expired meanwhile
    with pytest.raises(ApiError) as refused:
        caller(sent, SETTINGS, verified_claims)
    assert refused.value.status == status


def test_a_user_is_known_by_the_token():
    assert caller(f"Bearer {token()}", SETTINGS, verified_claims) == "alice"


def test_a_user_who_asks_too_often_waits_and_others_do_not():
    now = 0.0
    rate = RateLimit(per_s=0.5, burst=2, clock=lambda: now)
    rate.take("alice")
    rate.take("alice")
    with pytest.raises(ApiError) as refused:
        rate.take("alice")
    assert refused.value.status == 429
    assert refused.value.headers == {"Retry-After": "2"}
    rate.take("bob")
    now = 2.0
    rate.take("alice")
    with pytest.raises(ApiError):
        rate.take("alice")
