"""Answers in one piece."""

import time
from collections import Counter

from pydantic import ValidationError

from shipworthy import needs
from shipworthy.probes.inference import first_problem


@needs("inference")
def test_answers_match_the_contract(findings, chat_endpoints, exchanges):
    """A chat completion has every field that OpenAI's API promises, with text in it.

    Why: official clients and agents read these fields without asking whether they are there.
    Fix: mend the field that is named; engines like vLLM answer this shape on /v1/chat/completions.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        answer = exchanges.plain(endpoint)
        completion = answer.completion
        subject = f"{endpoint.name} POST /v1/chat/completions"
        if answer.status != 200 or isinstance(completion, ValidationError):
            wrong = first_problem(completion) if answer.status == 200 else "no success"
            findings.add(
                subject,
                saw=f"{answer.excerpt}: {wrong}",
                want="HTTP 200 with a chat.completion",
                fix="answer in the shape of OpenAI's chat completions; the server's log says why it did not",
            )
            continue
        if not completion.choices[0].message.text:
            findings.add(
                subject,
                saw="an answer without text",
                want="text in choices[0].message.content",
                fix="check the chat template and that the weights are loaded",
            )
        if completion.model != endpoint.model:
            findings.add(
                subject,
                saw=f"answered by model {completion.model}",
                want=f"the model that was asked for, {endpoint.model}",
                fix="serve the model under its promised name, or correct `model` in the target file",
            )
        if answer.media_type != "application/json":
            findings.add(
                subject,
                saw=f"content type {answer.headers.get('content-type')!r}",
                want="application/json",
                fix="set the Content-Type of the answer",
            )


@needs("inference")
def test_usage_adds_up(findings, chat_endpoints, exchanges):
    """Usage is the sum of its parts, the same for the same prompt, streamed or not.

    Why: spending, quotas and invoices are computed from it.
    Fix: count prompt and completion once each; total_tokens = prompt_tokens + completion_tokens.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        plain = exchanges.completion(endpoint).usage
        streamed = exchanges.chunked(endpoint).usage
        for usage, how in ((plain, "in one piece"), (streamed, "streamed")):
            if usage is None:
                continue  # a missing usage is the finding of usage_comes_last
            sums = usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
            if not sums or not usage.prompt_tokens or not usage.completion_tokens:
                findings.add(
                    f"{endpoint.name}, {how}",
                    saw=f"prompt {usage.prompt_tokens}, completion {usage.completion_tokens}, "
                    f"total {usage.total_tokens}",
                    want="both parts above 0, and the total their sum",
                    fix="count each token once, when it is read or made",
                )
        if streamed and streamed.prompt_tokens != plain.prompt_tokens:
            findings.add(
                f"{endpoint.name}, prompt_tokens",
                saw=f"{plain.prompt_tokens} in one piece, {streamed.prompt_tokens} streamed",
                want="the same count for the same prompt",
                fix="count the prompt the same way on both paths",
            )


@needs("inference")
def test_max_tokens_is_honoured(findings, chat_endpoints, exchanges):
    """An answer has no more tokens than asked for, and says that it was cut.

    Why: max_tokens is the caller's spending limit and what keeps one answer from holding a slot for minutes.
    Fix: stop at max_tokens with finish_reason "length".
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        asked = exchanges.short
        completion = exchanges.completion(endpoint, asked)
        record = exchanges.chunked(endpoint, asked)
        pieces = sum(bool(choice.delta.text) for chunk in record.chunks for choice in chunk.choices)
        answers = (
            ("in one piece", completion.usage.completion_tokens, [completion.choices[0].finish_reason]),
            ("streamed", record.usage.completion_tokens if record.usage else pieces, record.finish_reasons),
        )
        for how, tokens, reasons in answers:
            if tokens > asked or any(reason != "length" for reason in reasons):
                findings.add(
                    f"{endpoint.name}, {how}",
                    saw=f"{tokens} tokens, finish_reason {', '.join(reasons)}",
                    want=f'at most {asked} tokens, as max_tokens says, and finish_reason "length"',
                    fix="pass max_tokens on to the engine and stop there",
                )


@needs("inference")
def test_stop_is_honoured(findings, chat_endpoints, exchanges):
    """An answer ends before the text that the caller named as its end.

    Why: agents cut their prompts and tool calls apart at these texts.
    Fix: pass `stop` on to the engine and leave the text itself out of the answer.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        whole = exchanges.completion(endpoint).choices[0].message.content or ""
        words = [word for word in whole.split() if word.isalpha()]
        if len(words) < 3:
            continue  # too little text to stop in; the contract check says so
        findings.looked_at(1, "answers with words to stop at")
        stop = words[len(words) // 2]
        completion = exchanges.completion(endpoint, stop=stop)
        text = completion.choices[0].message.content or ""
        if stop in text or completion.choices[0].finish_reason != "stop":
            findings.add(
                endpoint.name,
                saw=f"{text[-60:]!r}, finish_reason {completion.choices[0].finish_reason}",
                want=f"the answer cut before {stop!r}, finish_reason stop",
                fix="pass `stop` on to the engine",
            )


CLOCK_S = 3600
"""How far a server's clock may be off."""


@needs("inference")
def test_every_answer_has_an_id_of_its_own(findings, chat_endpoints, exchanges):
    """No two answers have one id.

    Why: logs, traces and caches keep an answer under its id; the second overwrites the first.
    Fix: make a random id for each request (a UUID), not one a process or a prompt.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        ids = [
            *(exchanges.completion(endpoint, tokens).id for tokens in (exchanges.long, exchanges.short)),
            *(
                exchanges.chunked(endpoint, tokens).chunks[0].id
                for tokens in (exchanges.long, exchanges.short)
            ),
        ]
        findings.looked_at(len(ids), "answers")
        for name, count in Counter(ids).items():
            if count > 1:
                findings.add(
                    endpoint.name,
                    saw=f"{count} of {len(ids)} answers have the id {name}",
                    want="an id for each answer",
                    fix="make a random id when a request comes in",
                )


@needs("inference")
def test_created_is_the_time_of_the_answer(findings, chat_endpoints, exchanges):
    """`created` is now, in seconds since 1970.

    Why: clients sort and expire by it; milliseconds are a date fifty thousand years ahead.
    Fix: send int(time.time()).
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        said = {
            "in one piece": exchanges.completion(endpoint).created,
            "streamed": exchanges.chunked(endpoint).chunks[0].created,
        }
        for how, created in said.items():
            off_s = created - time.time()
            if abs(off_s) > CLOCK_S:
                findings.add(
                    f"{endpoint.name}, {how}",
                    saw=f"created {created}, {abs(off_s):.0f} s {'ahead' if off_s > 0 else 'ago'}",
                    want=f"the time in seconds, about {int(time.time())}",
                    fix="send int(time.time()); set the server's clock",
                )


@needs("inference")
def test_streams_name_the_model_that_was_asked(findings, chat_endpoints, exchanges):
    """Each chunk of a stream names the model that was asked for.

    Why: what streams is often another path than what answers in one piece, with routing of its own.
    Fix: serve the model under its promised name on the streaming path too.
    """
    for endpoint in findings.over(chat_endpoints, "endpoints"):
        models = Counter(chunk.model for chunk in exchanges.chunked(endpoint).chunks)
        for model, count in models.items():
            if model != endpoint.model:
                findings.add(
                    f"{endpoint.name}, streamed",
                    saw=f"{count} of {models.total()} chunks by model {model}",
                    want=f"the model that was asked for, {endpoint.model}",
                    fix="compare the routing of streamed requests with that of others",
                )
