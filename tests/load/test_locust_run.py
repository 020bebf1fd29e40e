"""A load run is bounded, counts what it sent, and tells what failed."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from shipworthy import ProbeError
from shipworthy.house import HOUSE
from shipworthy.probes.load import LoadPlan, LoadResult, Traffic, run_locust


async def rows(_: Request) -> Response:
    return JSONResponse([{"id": 1}])


async def nothing(_: Request) -> Response:
    return JSONResponse({"results": []})


async def broken(_: Request) -> Response:
    return JSONResponse({"error": "no connection left"}, 503)


def stream(*events: str) -> StreamingResponse:
    return StreamingResponse((f"data: {event}\n\n" for event in events), media_type="text/event-stream")


async def chat(_: Request) -> Response:
    return stream('{"choices":[{"delta":{"content":"Hi"}}]}', "[DONE]")


async def cut_chat(_: Request) -> Response:
    return stream('{"choices":[{"delta":{"content":"Hi"}}]}')


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    routes = [
        Route(f"/{answer.__name__}", answer, methods=["GET", "POST"])
        for answer in (rows, nothing, broken, chat, cut_chat)
    ]
    listener = socket.create_server(("127.0.0.1", 0))
    service = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
    thread = threading.Thread(target=service.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield "http://{}:{}".format(*listener.getsockname())
    service.should_exit = True
    thread.join(10)


def traffic(kind: str, url: str, body: dict[str, object] | None = None) -> Traffic:
    return Traffic(kind=kind, name=f"{kind} {url.rpartition('/')[2]}", url=url, headers={}, body=body)


def run(tmp_path: Path, *kinds: Traffic, **changes: Any) -> LoadResult:
    shape = {"profile": "gate", "users": 4, "duration_s": 1.0, "samples": 10}
    plan = LoadPlan.model_validate({**shape, "traffic": kinds, **changes})
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE), "HOME": str(tmp_path)}
    return run_locust(plan, HOUSE / "load" / "locustfile.py", tmp_path, environment)


def test_every_kind_is_counted_and_the_reports_stay(server: str, tmp_path: Path) -> None:
    observed = run(tmp_path, traffic("read", f"{server}/rows"), traffic("chat", f"{server}/chat", {}))

    by_name = {stats.name: stats for stats in observed.kinds}
    assert by_name.keys() == {"read rows", "chat chat"}
    assert all(stats.requests >= 10 and not stats.failures for stats in observed.kinds), observed
    assert observed.total.requests == sum(stats.requests for stats in observed.kinds)
    assert 0 < observed.total.p50_ms <= observed.total.p95_ms <= observed.total.p99_ms
    assert (tmp_path / "locust.html").stat().st_size > 1000
    assert (tmp_path / "locust_stats.csv").is_file()


def test_failures_are_told_with_their_reason(server: str, tmp_path: Path) -> None:
    observed = run(
        tmp_path,
        traffic("read", f"{server}/broken"),
        traffic("search", f"{server}/nothing", {}),
        traffic("chat", f"{server}/cut_chat", {}),
        users=3,
    )

    errors = {failure.name: failure.error for failure in observed.failures}
    assert "HTTP 503" in errors["read broken"]
    assert "without rows" in errors["search nothing"]
    assert "without [DONE]" in errors["chat cut_chat"]
    assert observed.total.error_rate == 1.0


def test_the_run_goes_on_until_the_samples_are_there(server: str, tmp_path: Path) -> None:
    observed = run(tmp_path, traffic("read", f"{server}/rows"), users=1, duration_s=0.5, samples=40)

    assert observed.kinds[0].requests >= 40


def test_an_endpoint_that_never_answers_does_not_hold_the_run(tmp_path: Path) -> None:
    started = time.monotonic()
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = "http://{}:{}/rows".format(*silent.getsockname())
        observed = run(tmp_path, traffic("read", url), users=2, profile="nightly", duration_s=2)

    assert observed.total.requests == 0
    assert time.monotonic() - started < 20


def test_a_run_that_cannot_start_says_why(tmp_path: Path) -> None:
    plan = LoadPlan(profile="gate", users=1, duration_s=1, traffic=(traffic("read", "http://127.0.0.1:9"),))
    with pytest.raises(ProbeError, match=r"Locust ended with 1 .*nowhere\.py"):
        run_locust(plan, tmp_path / "nowhere.py", tmp_path, {"PATH": os.environ["PATH"]})


ABANDONED = """
import sys
from pathlib import Path
from shipworthy.probes.load import LoadPlan, run_locust
plan = LoadPlan.model_validate_json(sys.argv[1])
folder = Path(sys.argv[3])
run_locust(plan, Path(sys.argv[2]), folder, {"PATH": sys.argv[4], "PYTHONPATH": sys.argv[5]})
"""


def test_a_run_whose_gate_was_killed_ends_by_itself(server: str, tmp_path: Path) -> None:
    plan = LoadPlan(profile="soak", users=1, duration_s=600, traffic=(traffic("read", f"{server}/rows"),))
    words = [plan.model_dump_json(), HOUSE / "load" / "locustfile.py", tmp_path, os.environ["PATH"], HOUSE]
    gate = psutil.Popen([sys.executable, "-c", ABANDONED, *map(str, words)], cwd=HOUSE)
    deadline = time.monotonic() + 30
    while not (tmp_path / "locust_stats.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    (locust,) = gate.children()
    gate.kill()
    gate.wait(10)

    assert psutil.wait_procs([locust], timeout=20)[1] == []
