"""Real servers in threads, and a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import pytest

from fixtures.reference.services.inference.app import make_app
from fixtures.reference.services.inference.seam import chosen
from fixtures.reference.services.inference.settings import Settings
from shipworthy.probes.inference import ChatEndpoint
from tests.serving import serving

KEY = "a-key-of-the-tests"
T = TypeVar("T")


def settings(**changes: Any) -> Settings:
    """A fast endpoint."""
    return Settings(port=0, model="instant-1", api_key=KEY, **{"ttft_ms": 2, "gap_ms": 0.2, **changes})


@pytest.fixture
def start() -> Iterator[Callable[..., ChatEndpoint]]:
    """Start an inference server, with a fault or in a form, and give its endpoint; gone after the test."""
    with ExitStack() as servers:

        def start_one(fault: str | None = None, form: str | None = None, **changes: Any) -> ChatEndpoint:
            names = {"FAULT": fault, "FORM": form}
            seam = chosen({switch: name for switch, name in names.items() if name})
            url = servers.enter_context(serving(make_app(settings(**changes), seam), seam.protocol))
            return ChatEndpoint("inference.instant", f"{url}/v1", "instant-1", KEY)

        yield start_one


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time: its clock jumps to the next thing that is due."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._look = self._selector.select
        self._selector.select = self._jump

    def time(self) -> float:
        return self._now

    def _jump(self, timeout: float | None = None) -> Any:
        self._now += timeout or 0
        return self._look(0)


@pytest.fixture
def virtually() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine on a clock that jumps."""

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(coroutine)

    return run
