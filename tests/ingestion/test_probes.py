from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from fixtures.ingestion import DATA, make_document
from shipworthy import ProbeError
from shipworthy.probes.ingestion import SearchEndpoint, Webhook, until
from shipworthy.probes.metrics import read_samples

SAMPLE = json.loads((DATA / "webhooks" / "google-drive-change.json").read_text())["headers"]


@pytest.fixture
def answer_with():
    """Serve one answer to everything; gives the address, and a list that requests' headers come into."""
    servers = []

    def serve(body, status=200):
        seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(dict(self.headers))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815  the name that http.server looks for

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", seen

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def client():
    with httpx.Client(trust_env=False) as client:
        yield client


def test_a_notification_looks_like_googles(answer_with, client):
    url, seen = answer_with(b"", 202)
    webhook = Webhook(client, url, SAMPLE, "our-channel", "our-token")

    webhook.notify(number=5)

    assert seen[0]["X-Goog-Channel-ID"] == "our-channel"
    assert seen[0]["X-Goog-Channel-Token"] == "our-token"
    assert seen[0]["X-Goog-Message-Number"] == "5"
    assert seen[0]["User-Agent"].startswith("APIs-Google")


def test_a_notification_can_lack_its_token_or_carry_another(answer_with, client):
    url, seen = answer_with(b"", 401)
    webhook = Webhook(client, url, SAMPLE, "our-channel", "our-token")

    webhook.notify(token=None)
    webhook.notify(token="theirs", channel_id="their-channel")

    assert "X-Goog-Channel-Token" not in seen[0]
    assert (seen[1]["X-Goog-Channel-Token"], seen[1]["X-Goog-Channel-ID"]) == ("theirs", "their-channel")


def test_message_numbers_rise(answer_with, client):
    webhook = Webhook(client, answer_with(b"")[0], SAMPLE, "our-channel", "our-token")

    first = webhook.new_number()

    assert until(webhook.new_number, lambda number: number > first, 5)[0] > first


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"results": [{"title": "t"}]}', b'{"results": 1}'])
def test_an_answer_that_is_no_search_result_cannot_be_judged(answer_with, client, body):
    with pytest.raises(ProbeError, match=r'want \{"results"'):
        SearchEndpoint(client, answer_with(body)[0], "token").find("words")


def test_a_search_that_fails_cannot_be_judged(answer_with, client):
    with pytest.raises(ProbeError, match="answered 500"):
        SearchEndpoint(client, answer_with(b"oh", 500)[0], "token").find("words")


def test_samples_are_summed_over_their_labels(answer_with, client):
    text = b'# TYPE things counter\nthings_total{kind="a"} 2\nthings_total{kind="b"} 3\n'

    assert read_samples(client, answer_with(text)[0]) == {"things_total": 5.0}


@pytest.mark.parametrize(("body", "status"), [(b"<html>{", 200), (b"", 404)])
def test_metrics_in_another_format_cannot_be_judged(answer_with, client, body, status):
    with pytest.raises(ProbeError, match="Prometheus"):
        read_samples(client, answer_with(body, status)[0])


def test_every_document_of_a_run_is_its_own():
    first, second = make_document("aaaaaaaaaa"), make_document("aaaaaaaaaa")

    assert first.phrase in first.text
    assert not {first.id, first.title, first.phrase} & {second.id, second.title, second.phrase}


def test_watching_ends_with_what_was_seen_last():
    seen = iter(range(100))

    assert until(lambda: next(seen), lambda number: number == 2, 10)[0] == 2
    assert until(lambda: "never", lambda _: False, 0)[0] == "never"
