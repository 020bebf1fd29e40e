"""Going through the phases of a plan, each request at its time; runs in the meter's own process."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic_ns

from shipworthy.probes.inference.meter.exchange import Allowance, Exchange
from shipworthy.probes.inference.meter.lateness import TICK_S
from shipworthy.probes.inference.meter.plan import Phase, Plan, Request
from shipworthy.probes.inference.meter.route import Route

LEAD_S = 0.25
"""How long before its time a request's connection is made, in an open loop."""
OUT_OF_TIME = "the whole measurement's time ran out"


@dataclass(slots=True)
class Ticks:
    """When the ticker was due and how late it fired: what else in this process was late by as much."""

    due_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self.due_s.append(due_s)
            self.late_s.append(max(0.0, loop.time() - due_s))


@dataclass(slots=True)
class Driver:
    """Sends what a plan says; ``exchanges`` holds, by phase, what became of each request (None: unsent)."""

    plan: Plan
    routes: Sequence[Route]
    ticks: Ticks = field(default_factory=Ticks)
    exchanges: list[list[Exchange | None]] = field(default_factory=list)
    spans_ns: list[tuple[int, int]] = field(default_factory=list)
    """When each phase began and ended."""
    _ends_s: float = 0.0
    _allowance: Allowance = field(init=False)

    def __post_init__(self) -> None:
        self._allowance = Allowance(self.plan.most_bytes)

    def run(self, runner: asyncio.Runner, number: int, begin_ns: int) -> None:
        """Go through one phase, with no garbage collected meanwhile."""
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            runner.run(self._phase(self.plan.phases[number], begin_ns))
        finally:
            gc.enable()

    async def _phase(self, phase: Phase, begin_ns: int) -> None:
        loop = asyncio.get_running_loop()
        self._ends_s = self._ends_s or loop.time() + self.plan.total_s
        begin_ns = max(begin_ns, monotonic_ns()) + (0 if phase.callers else int(LEAD_S * 1e9))
        done: list[Exchange | None] = [None] * len(phase.requests)
        self.exchanges.append(done)
        ticking = asyncio.create_task(self.ticks.run())
        try:
            async with asyncio.timeout_at(self._ends_s):
                await (self._closed if phase.callers else self._open)(phase, done, begin_ns)
        except TimeoutError:
            for place, exchange in enumerate(done):
                if exchange:
                    exchange.give_up(OUT_OF_TIME)
                    done[place] = exchange if exchange.sent_ns else None
            await asyncio.sleep(0)
        finally:
            ended_ns = monotonic_ns()
            await asyncio.sleep(2 * TICK_S)  # however short a phase is, the ticker was seen to fire
            ticking.cancel()
        self.spans_ns.append((begin_ns, ended_ns))

    async def _closed(self, phase: Phase, done: list[Exchange | None], begin_ns: int) -> None:
        """Let each caller ask the next as soon as it is answered."""
        await asyncio.sleep(max(0, begin_ns - monotonic_ns()) / 1e9)
        pending = enumerate(phase.requests)

        async def call() -> None:
            for place, request in pending:
                await self._ask(request, done, place, None)

        async with asyncio.TaskGroup() as callers:
            for _ in range(phase.callers or 0):
                callers.create_task(call())

    async def _open(self, phase: Phase, done: list[Exchange | None], begin_ns: int) -> None:
        """Send each request at its own time, whatever became of the others."""
        async with asyncio.TaskGroup() as asked:
            for due_ns, place in self._in_order(phase, begin_ns):
                await asyncio.sleep(max(0.0, (due_ns - monotonic_ns()) / 1e9 - LEAD_S))
                asked.create_task(self._ask(phase.requests[place], done, place, due_ns))

    def _in_order(self, phase: Phase, begin_ns: int) -> Iterator[tuple[int, int]]:
        return iter(sorted((begin_ns + int((r.at_s or 0) * 1e9), n) for n, r in enumerate(phase.requests)))

    async def _ask(
        self, request: Request, done: list[Exchange | None], place: int, due_ns: int | None
    ) -> None:
        route = self.routes[request.endpoint]
        exchange = done[place] = Exchange(self.plan.longest_answer, self._allowance)
        patience = asyncio.get_running_loop().call_later(
            self.plan.request_s + (LEAD_S if due_ns else 0),
            exchange.give_up, f"not over after {self.plan.request_s:g} s",
        )  # fmt: skip
        message = route.request(request.body.encode())
        try:
            if await self._connected(exchange, route, due_ns):
                if due_ns is not None:
                    await asyncio.sleep(max(0, due_ns - monotonic_ns()) / 1e9)
                exchange.send(message, monotonic_ns() if due_ns is None else due_ns)
                await asyncio.shield(exchange.over)  # what cancels this must not settle it
        finally:
            patience.cancel()

    async def _connected(self, exchange: Exchange, route: Route, due_ns: int | None) -> bool:
        """Make the connection; where it cannot be made, the exchange is over."""
        connecting = asyncio.get_running_loop().create_connection(
            lambda: exchange,
            route.address,
            route.port,
            ssl=route.tls,
            server_hostname=route.host if route.tls else None,
        )
        exchange.intended_ns = due_ns or exchange.began_ns
        try:
            async with asyncio.timeout(self.plan.request_s):
                await connecting
        except (OSError, ssl.SSLError, TimeoutError) as error:
            exchange.give_up(f"no connection: {str(error) or type(error).__name__}")
        return not exchange.over.done()
