"""The services as processes of their own, on free ports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from mirakuru import HTTPExecutor

from fixtures.reference.model import Reference, Service
from fixtures.reference.ports import ports_for
from fixtures.reference.services import drive, ingestion

CHECKOUT = Path(__file__).resolve().parents[2]
PARTS = ("supabase", "instant", "drive", "ingestion", "web")


@pytest.fixture
def reference(tmp_path) -> Iterator[Reference]:
    """Settings of a deployment of which nothing runs yet."""
    keys = ("jwt", "anon", "service", "database", "cron", "channel-token", "inference", "forbidden")
    with ports_for(PARTS, {}) as ports:
        yield Reference(tmp_path, ports, *(f"{key}-of-the-tests" for key in keys))


@pytest.fixture
def start(reference) -> Iterator[Callable[[Service], Path]]:
    """Start one of the services; gives its log. It ends with the test."""
    with ExitStack() as running:

        def start_one(service: Service) -> Path:
            log = reference.state / f"{service.name}.log"
            output = running.enter_context(log.open("w"))
            environment = {"PYTHONPATH": str(CHECKOUT), "PATH": str(Path(sys.executable).parent)}
            executor = HTTPExecutor(
                list(service.argv),
                service.ready,
                status=r"\d+",  # health that says no is an answer, too
                timeout=30,
                envvars=environment | dict(service.environment),
                cwd=str(reference.state),
                stdout=output,
                stderr=output,
            )
            running.callback(executor.stop)
            executor.start()
            return log

        yield start_one


@pytest.fixture
def folder(reference, start) -> Iterator[httpx.Client]:
    """The Drive stand-in, running."""
    start(drive.service(reference))
    with httpx.Client(base_url=reference.url("drive"), trust_env=False) as client:
        yield client


@pytest.fixture
def lonely_service(reference, folder, start) -> Iterator[tuple[httpx.Client, Path]]:
    """The ingestion service with Drive, but without Supabase and without embeddings; and its log."""
    service = ingestion.service(reference)
    log = start(replace(service, ready=service.ready.replace("/healthz", "/metrics")))
    with httpx.Client(base_url=reference.url("ingestion"), trust_env=False, timeout=20) as client:
        yield client, log
