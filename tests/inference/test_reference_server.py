"""What the reference endpoint promises about its pacing, its limits and its answers."""

from __future__ import annotations

import asyncio

import pytest

from fixtures.reference.services.api_errors import ApiError
from fixtures.reference.services.inference.app import InferenceServer
from fixtures.reference.services.inference.capacity import Slots, Worker
from fixtures.reference.services.inference.embedding import embed
from fixtures.reference.services.inference.model import answer_to, tokenize
from fixtures.reference.services.inference.seam import Seam
from fixtures.reference.services.inference.wire import ChatRequest
from tests.inference.conftest import settings


def request(text: str = "Tell me about ships.", **options: object) -> ChatRequest:
    return ChatRequest.model_validate(
        {"model": "instant-1", "messages": [{"role": "user", "content": text}], "temperature": 0, **options}
    )


def test_tokens_come_at_their_time_however_slow_the_reader(virtually):
    async def due_times() -> list[float]:
        server = InferenceServer(settings(ttft_ms=100, gap_ms=10), Seam())
        times = []
        async for _ in server.paced(("a",) * 5):
            times.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.004)
        return times

    assert virtually(due_times()) == pytest.approx([0.1, 0.11, 0.12, 0.13, 0.14])


def test_requests_during_a_cold_start_share_it(virtually):
    async def waits() -> list[float]:
        worker = Worker(settings(serverless=True, cold_start_s=30, idle_s=60))
        loop = asyncio.get_running_loop()

        async def serve(after_s: float) -> float:
            await asyncio.sleep(after_s)
            async with worker.up():
                return loop.time()

        assert worker.count == 0
        return await asyncio.gather(serve(0), serve(10), serve(31))

    assert virtually(waits()) == pytest.approx([30, 30, 31])


def test_an_idle_worker_goes_and_a_busy_one_stays(virtually):
    async def counts() -> list[int]:
        worker = Worker(settings(serverless=True, cold_start_s=1, idle_s=5))
        seen = []
        async with worker.up():
            await asyncio.sleep(100)
            seen.append(worker.count)
        await asyncio.sleep(4)
        seen.append(worker.count)
        async with worker.up():
            await asyncio.sleep(4)
        await asyncio.sleep(6)
        return [*seen, worker.count]

    assert virtually(counts()) == [1, 1, 0]


def test_a_full_queue_turns_requests_away_and_a_slot_that_is_given_back_is_free(virtually):
    async def use() -> None:
        slots = Slots(slots=1, queue=1)
        async with slots.one():
            waiting = asyncio.create_task(slots.one().__aenter__())
            await asyncio.sleep(1)
            with pytest.raises(ApiError) as refused:
                await slots.one().__aenter__()
            assert refused.value.status == 429
            assert refused.value.headers == {"Retry-After": "1"}
            waiting.cancel()
            await asyncio.sleep(1)
        async with slots.one():
            pass

    virtually(use())


def test_the_same_question_has_the_same_answer():
    assert answer_to(request(), 4096) == answer_to(request(), 4096)
    assert answer_to(request(temperature=1, seed=7), 4096) == answer_to(request(temperature=1, seed=7), 4096)
    assert answer_to(request(temperature=1, seed=7), 4096) != answer_to(request(temperature=1, seed=8), 4096)


def test_answers_are_cut_where_asked():
    assert answer_to(request(max_tokens=3), 4096).finish_reason == "length"
    assert len(answer_to(request(max_tokens=3), 4096).tokens) == 3
    stopped = answer_to(request(stop="about"), 4096)
    assert stopped.text == "You asked: Tell me "
    assert stopped.finish_reason == "stop"


def test_what_does_not_fit_the_context_is_refused():
    with pytest.raises(ApiError) as refused:
        answer_to(request("word " * 50), 40)
    assert refused.value.status == 400
    assert refused.value.code == "context_length_exceeded"


def test_tokens_joined_are_the_text():
    text = "A naïve\n\n  approach → 40 ms, extraordinarily_long."
    assert "".join(tokenize(text)) == text


def test_similar_texts_are_near():
    def nearness(a: str, b: str) -> float:
        return sum(x * y for x, y in zip(embed(a), embed(b), strict=True))

    question = "How do I ask for a refund?"
    near = "Refunds are paid within fourteen days after you asked for one."
    far = "The backup of the database runs at night."
    assert nearness(question, near) > nearness(question, far) + 0.1
    assert nearness(near, near) == pytest.approx(1)
    assert len(embed("anything")) == 384
