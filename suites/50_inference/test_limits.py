"""Limits that are promised: of tokens, time, size, requests at once, and money."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pydantic import ValidationError

from shipworthy import ProbeError, alone, needs
from shipworthy.probes.inference import (
    ChatCompletion,
    ask,
    chat,
    first_problem,
    press,
    read,
    spending_cap,
    stream_chat,
)

ENDLESS = "Count from 1 to 100000, one number a line, and leave out none."
FILLER_TOKENS = 512
FULL_WITHIN_S = 20.0
RETRY_AFTER = re.compile(r"\d+|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
SLACK_S = 1.0


def _limited(findings, promises, name):
    """Give the endpoints that promise a limit, with it."""
    limited = [(p.endpoint, getattr(p.section.limits, name, None), p.section) for p in promises]
    return findings.over([limit for limit in limited if limit[1]], "endpoints with this limit")


@needs("inference.*.limits.max_tokens")
def test_longer_answers_are_refused(findings, promises):
    """A request for more tokens than are allowed is a 400, or its answer is cut to them.

    Why: one answer without an end holds a slot for minutes, and costs what a hundred cost.
    Fix: limit max_tokens in the server or the gateway; refuse more with 400.
    """
    for endpoint, limit, _ in _limited(findings, promises, "max_tokens"):
        subject = f"{endpoint.name}, max_tokens {limit + 1}"
        with endpoint.client() as client:
            answer = chat(client, endpoint.request(ENDLESS, max_tokens=limit + 1))
            if answer.status == 400:
                streamed = endpoint.body(ENDLESS, max_tokens=limit + 1, stream=True)
                subject, answer = f"{subject}, streamed", ask(client, "POST", "chat/completions", streamed)
        found = read(ChatCompletion, answer.content)
        made = found.usage.completion_tokens if isinstance(found, ChatCompletion) else 0
        ended = isinstance(found, ChatCompletion) and found.choices[0].finish_reason == "stop"
        if answer.status == 200 and 0 < made <= limit and ended:
            raise ProbeError(
                f"{subject}: the answer ended by itself after {made} tokens, so that no limit could show; "
                "refuse such a request with 400, then it shows at once"
            )
        if answer.status != 400 and not (answer.status == 200 and 0 < made <= limit):
            findings.add(
                subject,
                saw=f"{made} tokens" if made else answer.excerpt,
                want=f"HTTP 400, or an answer of {limit} tokens at most",
                fix=f"limit max_tokens to {limit} in the server or in front of it",
            )


@needs("inference.*.limits.answer_s")
def test_answers_end_in_time(findings, evidence, target, promises):
    """An answer that takes too long is ended by the server, streamed or not.

    Why: callers leave, their answers go on; slots fill up with what nobody reads.
    Fix: set a time limit for each request in the server, for streams too, and end the engine's work with it.
    """
    for endpoint, limit_s, section in _limited(findings, promises, "answer_s"):
        latest_s = 1.2 * limit_s + SLACK_S
        if latest_s + SLACK_S > target.budgets.check_s:
            raise ProbeError(
                f"{endpoint.name}: to wait for {limit_s:g} s, set budgets.check_s to {2 * latest_s:.0f}"
            )
        patient = replace(endpoint, answer_s=latest_s + 5)
        most = (section.limits and section.limits.max_tokens) or (section.context_tokens or 8192) // 2
        with patient.client() as client, ThreadPoolExecutor(2) as callers:
            asked = patient.request(ENDLESS, max_tokens=most)
            ends = {
                "streamed": callers.submit(_end_of_stream, client, asked),
                "in one piece": callers.submit(_end_of_answer, client, asked),
            }
        for how, end in ends.items():
            ended_s, whole = end.result()
            evidence.measure(f"end of {endpoint.name}, {how}", ended_s, "s", samples=1, limit=latest_s)
            if ended_s > latest_s:
                findings.add(
                    f"{endpoint.name}, {how}",
                    saw=f"an answer that went on for {ended_s:.1f} s",
                    want=f"its end after {limit_s:g} s",
                    fix="set the time limit of a request in the server or the gateway",
                )
            elif whole and ended_s < 0.9 * limit_s:
                raise ProbeError(
                    f"{endpoint.name}: {most} tokens took {ended_s:.1f} s; "
                    f"no answer could be made to take {limit_s:g} s"
                )


def _end_of_stream(client, asked):
    """Give the seconds until a streamed answer ended, and whether it was whole."""
    record = stream_chat(client, asked)
    return record.ended_s, record.status == 200 and bool(record.finish_reasons)


def _end_of_answer(client, asked):
    """Give the same for an answer in one piece; a lost connection ends it too."""
    sent = time.monotonic()
    try:
        whole = chat(client, asked).status == 200
    except ProbeError:
        whole = False
    return time.monotonic() - sent, whole


@needs("inference.*.limits.largest_body")
def test_large_bodies_are_refused(findings, promises, routes):
    """A request body above the limit is a 413 on every route, and one below it is served.

    Why: a body is held in memory before anything else looks at it; a few large ones end the server.
    Fix: limit the size while reading (nginx: client_max_body_size), and answer 413 in OpenAI's error shape.
    """
    for endpoint, limit, _ in _limited(findings, promises, "largest_body"):
        with endpoint.client() as client:
            for route in findings.over(routes(endpoint), "routes"):
                text = json.dumps(dict(route.body)).encode()
                control = ask(client, "POST", route.path, text.ljust(limit // 2))
                assert control.status == 200, f"{route.path} with half of the limit: {control.excerpt}"
                answer = ask(client, "POST", route.path, text.ljust(limit + 1))
                if answer.status != 413 or isinstance(answer.error, ValidationError):
                    findings.add(
                        f"{endpoint.name} POST /v1/{route.path}, {limit + 1} bytes",
                        saw=answer.excerpt,
                        want="HTTP 413 in OpenAI's error shape",
                        fix="count the bytes while the body is read, and stop at the limit",
                    )


@alone
@needs("inference.*.limits.concurrency")
def test_excess_requests_are_turned_away(findings, promises, routes):
    """Where as many answers are made and queued as promised, one more is a 429 that says when to come back.

    Why: a queue without an end makes everybody wait until all have left; a 429 is retried elsewhere.
    Fix: limit the queue on every route (vLLM: a limit in the gateway) and send Retry-After with the 429.
    """
    for endpoint, limit, section in _limited(findings, promises, "concurrency"):
        most = min(FILLER_TOKENS, (section.limits and section.limits.max_tokens) or FILLER_TOKENS)
        filler = endpoint.request(ENDLESS, max_tokens=most) | {"stream": True}
        questions = [(route.path, body) for route in routes(endpoint) for _, body in route.questions]
        with endpoint.client() as client:
            control = chat(client, endpoint.request("Hello.", max_tokens=1))
        assert control.status == 200, f"{endpoint.name} by itself: {control.excerpt}"
        seen = press(
            endpoint,
            callers=limit + max(4, limit // 8),
            filler=("chat/completions", filler),
            questions=questions,
            within_s=FULL_WITHIN_S,
        )
        findings.looked_at(seen.callers, "callers at once")
        if not seen.first_refusal:
            findings.add(
                f"{endpoint.name}, {seen.callers} callers at once",
                saw=f"no 429; {seen.failures[0] if seen.failures else 'all were let in'}",
                want=f"HTTP 429 beyond {limit}",
                fix=f"make and queue {limit} answers at most",
            )
            continue
        for told in findings.over(seen.refusals, "questions to a full endpoint"):
            subject = f"{endpoint.name} POST /v1/{told.path}{', streamed' if told.streamed else ''}, full"
            for saw, want in _breaches_of_refusal(told):
                findings.add(
                    subject, saw=saw, want=want, fix="turn requests away in one place, on every route"
                )


def _breaches_of_refusal(told):
    refused = told.refused
    if refused is None:
        last = told.answers[-1].excerpt if told.answers else "no answer"
        yield f"let in {len(told.answers)} times, {told.silent} times silent; {last}", "HTTP 429"
        return
    if not RETRY_AFTER.fullmatch(refused.headers.get("retry-after", "")):
        yield f"429 with Retry-After {refused.headers.get('retry-after')!r}", "Retry-After in seconds"
    if isinstance(refused.error, ValidationError):
        yield f"{refused.excerpt}: {first_problem(refused.error)}", '{"error": {"message": …, "type": …}}'


@needs("inference.*.spending")
def test_spending_is_capped(findings, evidence, promises):
    """What may be spent has a cap, and it is no higher than the target says.

    Why: a loop in a client, or a leaked key, spends until somebody looks; the cap is what looks at night.
    Fix: set the provider's spending limit for this endpoint.
    """
    capped = [p for p in promises if p.section.spending]
    for promise in findings.over(capped, "endpoints with spending"):
        spending = promise.section.spending
        key = spending.key.get_secret_value() if spending.key else None
        cap = spending_cap(spending.url, spending.field, key)
        number = isinstance(cap, int | float) and not isinstance(cap, bool)
        if number:
            evidence.measure(
                f"cap of {promise.endpoint.name}", cap, "money", samples=1, limit=spending.at_most
            )
        if not number or not 0 < cap <= spending.at_most:
            findings.add(
                f"{promise.endpoint.name}, {spending.field} at {spending.url}",
                saw=f"{cap!r}" if cap is not None else "no cap",
                want=f"a number above 0, {spending.at_most:g} at most",
                fix="set the spending limit with the provider, or correct `spending`",
            )
