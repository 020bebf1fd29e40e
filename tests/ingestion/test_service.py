from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from fixtures.reference.services.ingestion.pipeline import chunk
from fixtures.reference.services.ingestion.webhook import LARGEST_BODY, RateLimit

NOTIFICATION = {
    "X-Goog-Channel-ID": "a-channel",
    "X-Goog-Channel-Token": "the-secret-token",
    "X-Goog-Message-Number": "7",
    "X-Goog-Resource-State": "change",
}


def test_health_names_the_parts_that_are_down(lonely_service):
    service, _ = lonely_service

    answer = service.get("/healthz")

    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert parts["drive"] == "ok"
    assert parts["supabase"] == parts["embeddings"] == "ConnectError"
    assert parts["worker"] != "ok"


def test_google_is_asked_to_come_again_while_supabase_is_down(lonely_service):
    service, _ = lonely_service

    answer = service.post("/webhooks/google-drive", headers=NOTIFICATION)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_search_says_so_while_a_part_is_down(lonely_service):
    service, _ = lonely_service

    answer = service.get("/search", params={"q": "words"}, headers={"Authorization": "Bearer token"})

    assert answer.status_code == 503


def test_a_search_without_a_question_is_refused(lonely_service):
    service, _ = lonely_service
    bearer = {"Authorization": "Bearer token"}

    for question in ({}, {"q": " "}, {"q": "words", "limit": "many"}, {"q": "words", "limit": "0"}):
        assert service.get("/search", params=question, headers=bearer).status_code == 400
    assert service.post("/search", content=b"[]", headers=bearer).status_code == 400


def test_an_oversized_notification_is_refused_before_anything_is_looked_up(lonely_service):
    service, _ = lonely_service

    answer = service.post("/webhooks/google-drive", headers=NOTIFICATION, content=b" " * (LARGEST_BODY + 1))

    assert answer.status_code == 413


def test_log_lines_carry_googles_ids_and_never_the_token(lonely_service):
    service, log = lonely_service
    service.post("/webhooks/google-drive", headers=NOTIFICATION)

    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]

    assert any(line.get("goog_message_number") == "7" for line in lines)
    assert "the-secret-token" not in text


def test_only_the_web_apps_origin_may_search_from_a_browser(lonely_service, reference):
    service, _ = lonely_service
    preflight = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}

    own = service.options("/search", headers=preflight | {"Origin": reference.url("web")})
    other = service.options("/search", headers=preflight | {"Origin": "https://elsewhere.example"})

    assert own.headers["Access-Control-Allow-Origin"] == reference.url("web")
    assert "Access-Control-Allow-Origin" not in other.headers


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["C", "Z"]), min_size=1)))
def test_chunks_lose_no_paragraph_and_none_is_empty(paragraphs):
    chunks = chunk("\n\n".join(paragraphs))

    assert all(piece.strip() for piece in chunks)
    assert "\n\n".join(chunks) == "\n\n".join(paragraphs)


def test_the_limit_counts_each_sender_by_itself():
    limit = RateLimit(most=2)

    assert [limit.wait_s("one") > 0 for _ in range(3)] == [False, False, True]
    assert limit.wait_s("other") == 0
