"""What a caller of the Supabase API gets is told apart from an API that is broken."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shipworthy import ProbeError
from shipworthy.probes.http import bounded_client
from shipworthy.probes.public_api import Caller


@pytest.fixture
def api():
    """A server that answers every request alike: set ``api.answer`` to (status, body)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked = (self.path, dict(self.headers))
            status, body = server.answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        do_POST = do_GET  # noqa: N815  the base class wants these names

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def caller(api):
    with bounded_client(may_write=False) as http:
        yield Caller(http, f"http://127.0.0.1:{api.server_address[1]}", "key-of-nobody")


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        ((200, [{"id": 1}]), 1),
        ((200, []), 0),
        ((401, {"code": "42501"}), 0),
        ((404, {"code": "PGRST205"}), 0),
    ],
)
def test_rows_are_counted_and_refusals_are_none(api, caller, answer, rows):
    api.answer = answer
    assert caller.read_table("public.documents").rows == rows


def test_a_table_is_asked_for_in_its_schema_with_the_key(api, caller):
    api.answer = (200, [])
    caller.read_table('app."Odd Name"')
    path, headers = api.asked
    assert path.startswith("/rest/v1/Odd%20Name?")
    assert headers["accept-profile"] == "app"
    assert headers["apikey"] == "key-of-nobody"
    assert headers["authorization"] == "Bearer key-of-nobody"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_broken_api_is_not_taken_for_one_that_refuses(api, caller, status):
    api.answer = (status, {"message": "try later"})
    with pytest.raises(ProbeError, match=str(status)):
        caller.read_table("public.documents")


def test_objects_are_listed_without_writing(api, caller):
    api.answer = (200, [{"name": "a.txt"}])
    assert caller.list_objects("documents", "folder").saw == "200 with a.txt"
    with pytest.raises(ProbeError, match="refused"):
        caller.put_object("documents", "a.txt", b"x")
